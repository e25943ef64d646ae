import { WireError } from '../../proxy/errors.ts'
import { HEADER_BYTES, LARGE_MOST, LENGTH_FIELD } from '../../proxy/wire/limits.ts'

/** A message, or a packet without a type at the beginning of a connection. */
export interface Packet {
  readonly type: number | undefined
  readonly body: Buffer
}

/** Puts one direction's chunks together to whole packets. */
export class Packets {
  #kind: 'startup' | 'messages'
  #chunks: Buffer[] = []
  #length = 0

  constructor(kind: 'startup' | 'messages') {
    this.#kind = kind
  }

  /** What follows from here on. */
  expect(kind: 'startup' | 'messages'): void {
    this.#kind = kind
  }

  push(chunk: Buffer): void {
    // the caller's bytes are the socket's
    this.#chunks.push(Buffer.from(chunk))
    this.#length += chunk.length
  }

  /** The next whole one. Errors: WireError for a length that none has. */
  take(): Packet | undefined {
    const typed = this.#kind === 'messages'
    const head = typed ? HEADER_BYTES : LENGTH_FIELD
    if (this.#length < head) return undefined
    const length = this.#joined(head).readInt32BE(head - LENGTH_FIELD)
    if (length < LENGTH_FIELD || length > LARGE_MOST) throw new WireError('invalid message length')
    const whole = head - LENGTH_FIELD + length
    if (this.#length < whole) return undefined
    const bytes = this.#joined(whole)
    this.#chunks = [bytes.subarray(whole)]
    this.#length -= whole
    return { type: typed ? bytes.readUInt8(0) : undefined, body: bytes.subarray(head, whole) }
  }

  /** The bytes from the first one on, so many at least in one piece; joined only when they are needed. */
  #joined(least: number): Buffer {
    const [first] = this.#chunks
    if (first && first.length >= least) return first
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }
}
