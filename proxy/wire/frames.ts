import { WireError } from '../errors.ts'
import { HANDLING } from './frame-rules.ts'
import type { FrameRules } from './frame-rules.ts'
import { HEADER_BYTES, KEPT_MOST, LENGTH_FIELD } from './limits.ts'

/**
 * One message, or a piece of one. The reader reuses the object and the bytes are the chunk's: both
 * are valid until the handler returns.
 */
export interface Frame {
  readonly type: number
  /** Length of the whole body. */
  readonly length: number
  /** The part of the body at hand is bytes[start] up to, not including, bytes[end]. */
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** Where its header stands in these bytes if they hold the whole message, else -1. */
  readonly head: number
}

/** Who listens to the frames of one direction. Called synchronously from `feed`. */
export interface FrameHandler {
  /**
   * A message is complete. At hand is the body if it is kept (the first KEPT_MOST bytes of a longer
   * one); nothing if it is skipped or was streamed.
   */
  message(frame: Frame): void
  /** More of a streamed body, in order; `message` follows the last piece. */
  piece(frame: Frame): void
}

const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Finds message boundaries in chunks without reassembling them: it hops from header to header,
 * remembers at most 5 header bytes and KEPT_MOST body bytes, and allocates nothing for messages that
 * end in the chunk they began in. `feed` throws a WireError at the first header that breaks a rule,
 * after every message before it was handed over; the connection can only be closed then.
 */
export class FrameReader {
  readonly #rules: FrameRules
  readonly #handler: FrameHandler
  readonly #frame = { type: 0, length: 0, bytes: NOTHING, start: 0, end: 0, head: -1 }
  /** Of a message whose header came in two chunks, what the first one had. */
  #header = NOTHING
  #headerBytes = 0
  #handling: number = HANDLING.unknown
  /** Body bytes that have not arrived yet. */
  #missing = 0
  #kept = NOTHING
  #keptBytes = 0

  constructor(rules: FrameRules, handler: FrameHandler) {
    this.#rules = rules
    this.#handler = handler
  }

  /** True when the next byte begins a message: the only place for a message of our own. */
  get atBoundary(): boolean {
    return this.#missing === 0 && this.#headerBytes === 0
  }

  /** Bytes of the open message's body that have not arrived; 0 also in the middle of a header. */
  get missing(): number {
    return this.#missing
  }

  /** Takes bytes[0] up to, not including, bytes[end]. */
  feed(bytes: Buffer, end: number = bytes.length): void {
    this.#frame.head = -1
    let at = this.#missing > 0 ? this.#takeBody(bytes, 0, end) : 0
    while (at < end) {
      if (this.#headerBytes === 0 && end - at >= HEADER_BYTES) {
        this.#frame.head = at
        this.#open(bytes.readUInt8(at), bytes.readInt32BE(at + 1))
        at += HEADER_BYTES
      } else {
        this.#frame.head = -1
        at = this.#gatherHeader(bytes, at, end)
        if (this.#headerBytes < HEADER_BYTES) return
        this.#headerBytes = 0
        this.#open(this.#header.readUInt8(0), this.#header.readInt32BE(1))
      }
      at = this.#takeBody(bytes, at, end)
    }
  }

  #gatherHeader(bytes: Buffer, at: number, end: number): number {
    if (this.#headerBytes === 0) this.#header = Buffer.allocUnsafeSlow(HEADER_BYTES)
    const taken = Math.min(HEADER_BYTES - this.#headerBytes, end - at)
    bytes.copy(this.#header, this.#headerBytes, at, at + taken)
    this.#headerBytes += taken
    return at + taken
  }

  #open(type: number, length: number): void {
    const handling = this.#rules.handling[type] ?? HANDLING.unknown
    const most = this.#rules.most[type] ?? 0
    if (handling === HANDLING.unknown) {
      throw new WireError(`invalid ${this.#rules.sender} message type ${type}`)
    }
    if (length < LENGTH_FIELD || length > most) throw new WireError('invalid message length')

    this.#frame.type = type
    this.#frame.length = length - LENGTH_FIELD
    this.#missing = length - LENGTH_FIELD
    this.#keptBytes = 0
    this.#handling = handling === HANDLING.keepOrStream ? this.#keepOrStream() : handling
  }

  #keepOrStream(): number {
    return this.#missing <= KEPT_MOST ? HANDLING.keep : HANDLING.stream
  }

  /** Consumes what there is of the open body; returns where the next message begins. */
  #takeBody(bytes: Buffer, at: number, end: number): number {
    const stop = Math.min(end, at + this.#missing)
    this.#missing -= stop - at
    if (this.#handling === HANDLING.keep) {
      this.#keep(bytes, at, stop)
      return stop
    }
    if (this.#handling === HANDLING.stream && stop > at) {
      this.#handler.piece(this.#show(bytes, at, stop))
    }
    if (this.#missing === 0) this.#handler.message(this.#show(bytes, stop, stop))
    return stop
  }

  #keep(bytes: Buffer, at: number, stop: number): void {
    if (this.#missing === 0 && this.#keptBytes === 0) {
      this.#handler.message(this.#show(bytes, at, Math.min(stop, at + KEPT_MOST)))
      return
    }
    if (this.#keptBytes === 0) {
      this.#kept = Buffer.allocUnsafe(Math.min(this.#frame.length, KEPT_MOST))
    }
    this.#keptBytes += bytes.copy(this.#kept, this.#keptBytes, at, stop)
    if (this.#missing > 0) return
    this.#handler.message(this.#show(this.#kept, 0, this.#keptBytes))
    this.#kept = NOTHING
  }

  #show(bytes: Buffer, start: number, end: number): Frame {
    this.#frame.bytes = bytes
    this.#frame.start = start
    this.#frame.end = end
    return this.#frame
  }
}
