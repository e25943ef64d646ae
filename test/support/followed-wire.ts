import { deserialize, serialize } from 'node:v8'
import { EventSlab } from '../../proxy/journal/event-slab.ts'
import { EVENT, EVENT_HEAD_BYTES, GROUP_HEAD_BYTES } from '../../proxy/journal/events.ts'
import type { StatementSink } from '../../proxy/pairing/record.ts'
import { StatementTracker, type TrackerState } from '../../proxy/pairing/tracker.ts'
import type { Unanswered } from '../../proxy/watch/unanswered.ts'
import { WireEvents } from './wire-events.ts'

/** A tracker that is told of a connection's bytes by the way of the journal's events. */
export class FollowedWire {
  tracker: StatementTracker
  readonly #sink: StatementSink
  readonly #now: () => number
  readonly #slab = new EventSlab()
  readonly #writer = new WireEvents(this.#slab, 1)

  constructor(sink: StatementSink, now = () => performance.timeOrigin + performance.now()) {
    this.#now = now
    this.#sink = sink
    this.tracker = new StatementTracker(sink)
  }

  /** What the relay believes to be under way. */
  get unanswered(): Unanswered {
    return this.#writer.unanswered
  }

  parameterStatus(name: string, value: string): void {
    this.#writer.screen.parameterStatus(name, value)
    this.tracker.parameterStatus(name, value)
  }

  client(chunk: Buffer): void {
    try {
      this.#writer.client(chunk, this.#now())
    } finally {
      this.#tell()
    }
  }

  server(chunk: Buffer): void {
    try {
      this.#writer.server(chunk, this.#now())
    } finally {
      this.#tell()
    }
  }

  /** What follows the connection is replaced by another that knows what was kept of it. */
  restart(): void {
    // what a snapshot on disk does, which is our own
    const kept = deserialize(serialize(this.tracker.state)) as TrackerState
    this.tracker = new StatementTracker(this.#sink, kept)
  }

  #tell(): void {
    // copied: the slab is used again
    const events = Buffer.from(this.#slab.group(() => 0).subarray(GROUP_HEAD_BYTES))
    this.#slab.clear()
    for (let at = 0; at < events.length;) {
      const start = at + EVENT_HEAD_BYTES
      const end = start + events.readUInt32BE(at)
      this.tracker.tick(events.readDoubleBE(at + 12))
      const kind = events[at + 8]
      const isOfClient = kind === EVENT.client || kind === EVENT.tally
      if (isOfClient) this.tracker.client(events, start, end)
      else this.tracker.server(events, start, end)
      at = end
    }
  }
}
