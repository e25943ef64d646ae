import type { EventKind } from '../journal/events.ts'
import type { Journal } from '../journal/journal.ts'
import type { Frame } from '../wire/frames.ts'

/** As much of the journal as it takes to write an event. */
export type Events = Pick<
  Journal,
  'begin' | 'put' | 'putHeader' | 'putUInt8' | 'putUInt32' | 'putDouble' | 'end' | 'commits'
>

const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Writes one direction's messages of a chunk into an event. Those kept as they came and standing side by
 * side are copied with one call.
 */
export class EventWriter {
  readonly #events: Events
  readonly #connection: number
  readonly #kind: EventKind
  /** What is to be copied of the chunk. */
  #bytes = NOTHING
  #start = 0
  #end = 0

  constructor(events: Events, connection: number, kind: EventKind) {
    this.#events = events
    this.#connection = connection
    this.#kind = kind
  }

  open(now: number): void {
    this.#events.begin(this.#connection, this.#kind, now)
  }

  close(): void {
    this.#copy()
    this.#bytes = NOTHING
    this.#events.end()
  }

  /** A message as it came, or what was kept of it. */
  whole({ type, length, bytes, start, end, head }: Frame): void {
    const isWhole = head >= 0 && start + length === end
    if (isWhole && head === this.#end && bytes === this.#bytes) {
      this.#end = end
      return
    }
    this.#copy()
    if (isWhole) {
      this.#bytes = bytes
      this.#start = head
      this.#end = end
    } else {
      this.#events.putHeader(type, end - start)
      this.#events.put(bytes, start, end)
    }
  }

  /** A message that says no more than that it was there. */
  bare(frame: Frame): void {
    const { type, length, head } = frame
    if (length === 0 && head >= 0) {
      this.whole(frame)
      return
    }
    this.#copy()
    this.#events.putHeader(type, 0)
  }

  /** Another body of ours for a message. */
  instead(type: number, body: Buffer): void {
    this.#copy()
    this.#events.putHeader(type, body.length)
    this.#events.put(body, 0, body.length)
  }

  /** The head of a message whose numbers follow. */
  numbers(type: number, bodyLength: number): Events {
    this.#copy()
    this.#events.putHeader(type, bodyLength)
    return this.#events
  }

  #copy(): void {
    if (this.#end > this.#start) this.#events.put(this.#bytes, this.#start, this.#end)
    this.#start = 0
    this.#end = 0
  }
}
