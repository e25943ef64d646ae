import { mayHoldSecret, mayHoldSecretValue } from './secret-signs.ts'

/** What says that bytes may hold a secret: a cheap look, and a sharper one at what it finds. */
export interface Signs {
  readonly look: (bytes: Uint8Array, start: number, end: number) => boolean
  readonly pattern: RegExp
}

/**
 * In SQL, of which the beginning is not at hand any more: also words in pieces over two lines or with
 * escapes. In a list of columns the word is none. What may repeat has an end: a hostile text costs its length.
 */
export const SQL_SIGNS: Signs = {
  look: mayHoldSecret,
  pattern:
    /password(?!"?\s*[,).;])|pgpass|postgres(?:ql)?:\/\/|SCRAM-SHA-256\$|md5[0-9a-f]{32}|'[ \t\f\v]*(?:--[^\r\n]{0,200})?[\r\n](?:\s|--[^\r\n]{0,200}[\r\n]){0,50}'|u&['"]|e'(?:[^'\\]|''|\\[^0-7xu]){0,200}\\[0-7xu]/i,
}
/** In a value, where only a connection string has one. */
export const VALUE_SIGNS: Signs = {
  look: mayHoldSecretValue,
  pattern: /password\s*=|pgpass|postgres(?:ql)?:\/\/|SCRAM-SHA-256\$|md5[0-9a-f]{32}/i,
}

/** A sign may begin in one piece and end in the next. */
const OVERLAP = 256

/** Looks for signs of a secret in what is streamed past and not kept. */
export class BeyondCut {
  readonly #signs: Signs
  #tail: Buffer
  #isSuspect = false

  /** Goes on behind these bytes, which were kept. */
  constructor(signs: Signs, kept: Buffer) {
    this.#signs = signs
    this.#tail = Buffer.from(kept.subarray(-OVERLAP))
  }

  get isSuspect(): boolean {
    return this.#isSuspect
  }

  add(piece: Buffer): void {
    if (this.#isSuspect) return
    const joint = Buffer.concat([this.#tail, piece.subarray(0, OVERLAP)])
    this.#isSuspect = this.#see(joint) || (piece.length > OVERLAP && this.#see(piece))
    this.#tail = Buffer.from((piece.length > OVERLAP ? piece : joint).subarray(-OVERLAP))
  }

  #see(bytes: Buffer): boolean {
    const { look, pattern } = this.#signs
    return look(bytes, 0, bytes.length) && pattern.test(bytes.toString('latin1'))
  }
}
