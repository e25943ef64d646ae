import { WireError } from '../errors.ts'

/** Turns bytes of a client's encoding into text. */
export type Decode = (bytes: Buffer, start: number, end: number) => string

/** UTF-8, what nearly every client speaks. */
export const decodeUtf8: Decode = (bytes, start, end) => bytes.toString('utf8', start, end)

const NOTHING: Buffer = Buffer.alloc(0)

/**
 * A place inside one message body. Every step is checked against the end of the body, because counts
 * and lengths come from a peer; a step too far is a WireError. One instance serves many messages.
 */
export class Body {
  #bytes: Buffer
  #at: number
  #end: number

  constructor(bytes: Buffer = NOTHING, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Points at another body, valid for as long as its bytes are. */
  reset(bytes: Buffer, start: number, end: number): this {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    return this
  }

  get left(): number {
    return this.#end - this.#at
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#step(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#step(2))
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#step(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#step(4))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#step(4))
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.#step(8))
  }

  /** Text up to its NUL. */
  text(decode: Decode = decodeUtf8): string {
    const start = this.#at
    // most names are empty, and a search is a call
    if (start < this.#end && this.#bytes[start] === 0) {
      this.#at = start + 1
      return ''
    }
    const end = this.#bytes.indexOf(0, start)
    if (end === -1 || end >= this.#end) throw malformedBody('invalid string in message')
    this.#at = end + 1
    return decode(this.#bytes, start, end)
  }

  /** Text up to its NUL, or to the end of the body if it has none. */
  textOrRest(decode: Decode): string {
    const nul = this.#bytes.indexOf(0, this.#at)
    if (nul !== -1 && nul < this.#end) return this.text(decode)
    return this.textOf(this.left, decode)
  }

  /** The next bytes as a view, valid for as long as the body is. */
  bytes(length: number): Buffer {
    const start = this.#step(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** The next bytes as text. */
  textOf(length: number, decode: Decode = decodeUtf8): string {
    const start = this.#step(length)
    return decode(this.#bytes, start, start + length)
  }

  /** Nothing may follow. */
  end(): void {
    if (this.left !== 0) throw malformedBody('invalid message format')
  }

  #step(length: number): number {
    if (length < 0 || length > this.left) throw malformedBody('insufficient data left in message')
    const start = this.#at
    this.#at += length
    return start
  }
}

/** In PostgreSQL's own words (pqformat.c): a client may be shown them at login. */
function malformedBody(what: string): WireError {
  return new WireError(what)
}
