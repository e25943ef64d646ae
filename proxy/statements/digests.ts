import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { Decode } from '../wire/body.ts'
import { BeyondCut, type Signs } from './beyond-cut.ts'

/** What is left of bytes that were too many to keep: they can still be compared. */
export interface Cut {
  /** Length of the whole. */
  readonly bytes: number
  /** Of the whole, in hex; null where it would let someone guess at a password that was taken out. */
  readonly sha256: string | null
}

const NOTHING: Buffer = Buffer.alloc(0)

const REPLACEMENT = 0xfffd

/**
 * A text without the replacement characters at its end, where a cut went through a character. From the
 * end: a pattern would begin anew at each of them, and a text can be nothing else.
 */
export function withoutBrokenEnd(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === REPLACEMENT) end -= 1
  return text.slice(0, end)
}

/**
 * Keeps the first `limit` bytes of a stream, and length and SHA-256 of all of it if there are more: without
 * the digest where there are signs of a secret in those.
 */
export class Capture {
  readonly #limit: number
  readonly #signs: Signs | undefined
  readonly #kept: Buffer[] = []
  #keptBytes = 0
  #bytes = 0
  #hash: Hash | undefined
  #beyond: BeyondCut | undefined

  constructor(limit: number, signs?: Signs) {
    this.#limit = limit
    this.#signs = signs
  }

  add(bytes: Buffer, start: number, end: number): void {
    const fits = Math.min(this.#limit - this.#keptBytes, end - start)
    if (fits > 0) this.#kept.push(Buffer.from(bytes.subarray(start, start + fits)))
    this.#keptBytes += fits
    this.#bytes += end - start
    if (start + fits === end) return
    if (!this.#hash) {
      this.#hash = createHash('sha256')
      for (const piece of this.#kept) this.#hash.update(piece)
      this.#beyond = this.#signs && new BeyondCut(this.#signs, this.bytes)
    }
    const rest = bytes.subarray(start + fits, end)
    this.#hash.update(rest)
    this.#beyond?.add(rest)
  }

  /** There may be a secret in what was not kept. */
  get isSuspect(): boolean {
    return this.#beyond?.isSuspect ?? false
  }

  /** What was kept. */
  get bytes(): Buffer {
    const [first, second] = this.#kept
    if (second) return Buffer.concat(this.#kept)
    return first ?? NOTHING
  }

  /** What was kept, as text; a character that the cut went through is left out. */
  text(decode: Decode): string {
    const text = decode(this.bytes, 0, this.#keptBytes)
    return this.#hash ? withoutBrokenEnd(text) : text
  }

  /** Once; null when everything was kept. */
  finish(): Cut | null {
    if (!this.#hash) return null
    const sha256 = this.#hash.digest('hex')
    return { bytes: this.#bytes, sha256: this.isSuspect ? null : sha256 }
  }
}
