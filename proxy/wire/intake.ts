import { WireError } from '../errors.ts'
import { HEADER_BYTES, LENGTH_FIELD, LOGIN_MOST, STARTUP_LEAST, STARTUP_MOST } from './limits.ts'

/** A whole message, copied out of the chunks it came in. */
export interface Message {
  readonly type: number
  readonly body: Buffer
}

const NOTHING: Buffer = Buffer.alloc(0)

/** One chunk of a socket (64 KiB) on top of one unfinished message. */
const BUFFERED_MOST = 4 * LOGIN_MOST

/**
 * Collects a peer's bytes until login is done, one whole packet at a time on demand. What was not
 * taken stays visible as `rest`, so that bytes behind an SSLRequest can be refused and bytes behind
 * the login can be passed on.
 */
export class Intake {
  #bytes = NOTHING

  push(chunk: Buffer): void {
    if (this.#bytes.length + chunk.length > BUFFERED_MOST) {
      throw new WireError('too many bytes before login')
    }
    this.#bytes = Buffer.concat([this.#bytes, chunk])
  }

  /** What has arrived and was not taken. */
  get rest(): Buffer {
    return this.#bytes
  }

  /** Gives `rest` away, to whoever reads this peer from now on. */
  drain(): Buffer {
    const bytes = this.#bytes
    this.#bytes = NOTHING
    return bytes
  }

  /** A start-up packet without its length field, once all of it is here. */
  takeStartup(): Buffer | undefined {
    if (this.#bytes.length < LENGTH_FIELD) return undefined
    const length = this.#bytes.readInt32BE(0)
    if (length < STARTUP_LEAST || length > STARTUP_MOST) {
      throw new WireError('invalid length of startup packet')
    }
    return this.#take(length)?.subarray(LENGTH_FIELD)
  }

  /** A message, once all of it is here. */
  takeMessage(): Message | undefined {
    if (this.#bytes.length < HEADER_BYTES) return undefined
    const length = this.#bytes.readInt32BE(1)
    if (length < LENGTH_FIELD || length > LOGIN_MOST) throw new WireError('invalid message length')
    const packet = this.#take(length + 1)
    return packet && { type: packet.readUInt8(0), body: packet.subarray(HEADER_BYTES) }
  }

  #take(length: number): Buffer | undefined {
    if (this.#bytes.length < length) return undefined
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }
}
