import { createHash, type Hash } from 'node:crypto'
import { COPY_BYTES, COPY_FINAL_BYTES } from '../journal/events.ts'
import { FROM_CLIENT } from '../wire/codes.ts'
import type { EventWriter } from './event-writer.ts'

/** A call per row costs more than the row: they are gathered up to this for the hash. */
const GATHERED = 64 * 1024
/** Longer pieces are hashed where they are. */
const GATHERED_PIECE = 8 * 1024
/** Below this a loop is faster than the call. */
const LOOP_BYTES = 48
/** What a COPY has carried is told so often while it lasts: milliseconds and bytes. */
const PROGRESS_MS = 1_000
const PROGRESS_BYTES = 64 * 1024 * 1024

/** Counts and digests what a COPY carries one way, whatever messages it is cut into. */
export class CopyRun {
  readonly #hash: Hash = createHash('sha256')
  readonly #gathered = Buffer.allocUnsafe(GATHERED)
  #gatheredBytes = 0
  /** Since it was last told of. */
  #messages = 0
  #bytes = 0
  #toldAt: number

  constructor(now: number) {
    this.#toldAt = now
  }

  message(): void {
    this.#messages += 1
  }

  add(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    this.#bytes += length
    if (length > GATHERED - this.#gatheredBytes || length > GATHERED_PIECE) this.#settle()
    if (length > GATHERED_PIECE) {
      this.#hash.update(bytes.subarray(start, end))
      return
    }
    const at = this.#gatheredBytes
    this.#gatheredBytes = at + length
    if (length > LOOP_BYTES) bytes.copy(this.#gathered, at, start, end)
    else for (let i = 0; i < length; i += 1) this.#gathered[at + i] = bytes[start + i] ?? 0
  }

  /** Says how far it has come, if it is time to. */
  tellProgress(into: EventWriter, now: number): void {
    if (now - this.#toldAt < PROGRESS_MS && this.#bytes < PROGRESS_BYTES) return
    this.#toldAt = now
    this.#tell(into, COPY_BYTES)
  }

  /** Once, at its end: with the digest of all of it. */
  tellEnd(into: EventWriter): void {
    this.#settle()
    const digest = this.#hash.digest()
    this.#tell(into, COPY_FINAL_BYTES).put(digest, 0, digest.length)
  }

  #tell(into: EventWriter, length: number) {
    const events = into.numbers(FROM_CLIENT.copyData, length)
    events.putUInt32(this.#messages)
    events.putDouble(this.#bytes)
    events.putUInt8(length === COPY_FINAL_BYTES ? 1 : 0)
    this.#messages = 0
    this.#bytes = 0
    return events
  }

  #settle(): void {
    if (this.#gatheredBytes > 0) this.#hash.update(this.#gathered.subarray(0, this.#gatheredBytes))
    this.#gatheredBytes = 0
  }
}
