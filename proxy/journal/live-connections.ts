import { EventSlab } from './event-slab.ts'
import {
  EVENT,
  EVENT_HEAD_BYTES,
  GROUP_HEAD_BYTES,
  type LiveBody,
  type OpenedBody,
} from './events.ts'

/** What is said of one where a segment begins: its speaker, with settings as they are by now. */
export type Introduce = () => OpenedBody

/** The connections that the journal has told of as open, and not yet as closed. */
export class LiveConnections {
  readonly #open = new Map<number, Introduce>()
  /** Over, but their end is not written. */
  readonly #leaving: number[] = []
  #hadSome = false

  /** Beside its `opened`. */
  opened(connection: number, introduce: Introduce): void {
    this.#open.set(connection, introduce)
    this.#hadSome = true
  }

  /** Beside its `closed`. */
  closed(connection: number): void {
    this.#leaving.push(connection)
  }

  /** What was appended is written. */
  settle(): void {
    for (const connection of this.#leaving) this.#open.delete(connection)
    this.#leaving.length = 0
  }

  /** For the beginning of a segment; undefined while a life has had no connection. */
  group(checksum: (payload: Buffer) => number): Buffer | undefined {
    if (!this.#hadSome) return undefined
    const connections = [...this.#open].map(([index, introduce]) => [index, introduce()] as const)
    const body = Buffer.from(JSON.stringify({ connections } satisfies LiveBody))
    const slab = new EventSlab(GROUP_HEAD_BYTES + EVENT_HEAD_BYTES + body.length)
    slab.begin(0, EVENT.live, performance.timeOrigin + performance.now())
    slab.put(body, 0, body.length)
    slab.end()
    return slab.group(checksum)
  }
}
