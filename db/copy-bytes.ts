/** What is kept from batch to batch; a larger one is given its room, and the room is given back. */
const KEPT_BYTES = 4 * 1024 * 1024
/** Up to so many characters a loop is faster than the call. */
const LOOP_MOST = 128
/** Of a character in UTF-8; those of two UTF-16 units take four. */
const CHARACTER_MOST = 3
/** How SQL's NULL is told from an empty field. */
export const NULL_LENGTH = -1
export const TWO_TO_32 = 2 ** 32
/** What jsonb's binary format begins with. */
const JSONB_VERSION = 1
/** From which day timestamps count. */
export const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1)

/** PostgreSQL's text knows no NUL; it is shown as Unicode shows it. */
const NUL = '\0'
const SHOWN_NUL = '\u2400'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const BLANK = 0x20
const TILDE = 0x7e

/**
 * Fields in COPY's binary format (manual, "COPY", "Binary Format"), one behind another in memory that is
 * used again and again: nothing is allocated for one. A number that PostgreSQL's type can't hold is a RangeError.
 */
export class CopyBytes {
  #bytes: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Valid until something is added behind `clear`. */
  view(start: number, end: number): Buffer {
    return this.#bytes.subarray(start, end)
  }

  /** Takes back what is behind a place. */
  cutTo(length: number): void {
    this.#length = length
  }

  clear(): void {
    this.#length = 0
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(KEPT_BYTES)
  }

  /** Fields that were made before. */
  put(fields: Buffer): void {
    this.#makeRoom(fields.length)
    this.#bytes.set(fields, this.#length)
    this.#length += fields.length
  }

  /** SQL's NULL. */
  none(): void {
    this.#head(NULL_LENGTH)
  }

  bool(value: boolean): void {
    this.#head(1)
    this.#bytes[this.#length++] = value ? 1 : 0
  }

  int4(value: number): void {
    this.#head(4)
    this.#length = this.#bytes.writeInt32BE(value, this.#length)
  }

  int8(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${String(value)} is no bigint`)
    this.#head(8)
    const high = Math.floor(value / TWO_TO_32)
    this.#bytes.writeInt32BE(high, this.#length)
    this.#length = this.#bytes.writeUInt32BE(value - high * TWO_TO_32, this.#length + 4)
  }

  float8(value: number): void {
    this.#head(8)
    this.#length = this.#bytes.writeDoubleBE(value, this.#length)
  }

  /** A timestamptz, from milliseconds since 1970. */
  timestamp(milliseconds: number): void {
    this.int8((Math.trunc(milliseconds) - POSTGRES_EPOCH_MS) * 1000)
  }

  text(value: string): void {
    this.#makeRoom(4 + CHARACTER_MOST * value.length)
    const start = this.#length
    this.#length = start + 4
    if (!this.#plain(value)) {
      this.#length = start + 4
      this.#write(value.includes(NUL) ? value.replaceAll(NUL, SHOWN_NUL) : value)
    }
    this.#bytes.writeInt32BE(this.#length - start - 4, start)
  }

  /** A jsonb: `texts` as an array where all are plain, or else what `json` makes of it. */
  jsonOf(texts: readonly unknown[], json: () => string): void {
    this.#makeRoom(8)
    const start = this.#length
    this.#length = start + 4
    this.#bytes[this.#length++] = JSONB_VERSION
    if (!this.#plainArray(texts)) {
      this.#length = start + 5
      const text = json()
      this.#makeRoom(CHARACTER_MOST * text.length)
      this.#write(text)
    }
    this.#bytes.writeInt32BE(this.#length - start - 4, start)
  }

  #head(length: number): void {
    this.#makeRoom(12)
    this.#length = this.#bytes.writeInt32BE(length, this.#length)
  }

  /** False where there is something in the text that is not written as one byte; room there is. */
  #plain(text: string): boolean {
    const { length } = text
    if (length > LOOP_MOST) return false
    const bytes = this.#bytes
    const start = this.#length
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index)
      if (code === 0 || code > TILDE) return false
      bytes[start + index] = code
    }
    this.#length = start + length
    return true
  }

  /** The same for JSON. */
  #plainArray(texts: readonly unknown[]): boolean {
    this.#bytes[this.#length++] = 0x5b
    for (let index = 0; index < texts.length; index += 1) {
      if (index > 0) this.#bytes[this.#length++] = 0x2c
      const text = texts[index]
      if (typeof text !== 'string' || !this.#plainString(text)) return false
    }
    this.#makeRoom(1)
    this.#bytes[this.#length++] = 0x5d
    return true
  }

  #plainString(text: string): boolean {
    const { length } = text
    if (length > LOOP_MOST) return false
    this.#makeRoom(length + 4)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = QUOTE
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index)
      if (code < BLANK || code > TILDE || code === QUOTE || code === BACKSLASH) return false
      bytes[at++] = code
    }
    bytes[at++] = QUOTE
    this.#length = at
    return true
  }

  #write(text: string): void {
    this.#length += this.#bytes.write(text, this.#length)
  }

  #makeRoom(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
