import type { CopyTally } from './execution.ts'
import { COPY_BYTES, COPY_FINAL_BYTES } from '../journal/events.ts'
import type { Body } from '../wire/body.ts'

/** What passed of a COPY since it was last told of. */
export interface CopyRun {
  readonly bytes: number
  /** SHA-256 of all of it, in hex; null while more may follow. */
  readonly digest: string | null
}

export function readCopyRun(body: Body): CopyRun {
  const isFinal = body.left === COPY_FINAL_BYTES
  body.uint32()
  const bytes = body.double()
  body.uint8()
  return {
    bytes,
    digest: isFinal ? body.bytes(COPY_FINAL_BYTES - COPY_BYTES).toString('hex') : null,
  }
}

/** Adds to what is known of a COPY. */
export function tally(copy: CopyTally, { bytes, digest }: CopyRun): void {
  copy.bytes += bytes
  copy.digest = digest
}
