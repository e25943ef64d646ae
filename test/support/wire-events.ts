import { Counters } from '../../proxy/counters.ts'
import { EVENT } from '../../proxy/journal/events.ts'
import { Screen } from '../../proxy/statements/screening.ts'
import { ClientWatch } from '../../proxy/watch/client-watch.ts'
import type { Events } from '../../proxy/watch/event-writer.ts'
import { ServerWatch } from '../../proxy/watch/server-watch.ts'
import { Unanswered } from '../../proxy/watch/unanswered.ts'

/** Turns the two directions of a connection into events, as the relay does, without any sockets. */
export class WireEvents {
  readonly screen = new Screen()
  readonly unanswered = new Unanswered()
  readonly #events: Events
  readonly #connection: number
  readonly #client: ClientWatch
  readonly #server: ServerWatch

  constructor(events: Events, connection: number) {
    this.#events = events
    this.#connection = connection
    const { screen, unanswered } = this
    const watching = {
      events,
      connection,
      screen,
      unanswered,
      counters: new Counters(),
    }
    this.#client = new ClientWatch(watching)
    this.#server = new ServerWatch(watching, this.#client)
  }

  opened(body: object, now: number): void {
    this.#tell(EVENT.opened, body, now)
  }

  client(chunk: Buffer, now: number): void {
    this.#client.read(chunk, chunk.length, now)
  }

  server(chunk: Buffer, now: number): void {
    this.#server.read(chunk, chunk.length, now)
  }

  /** What the client said in this turn was not recorded, and not sent. */
  refused(): void {
    this.#client.refused()
  }

  closed(why: string, now: number): void {
    this.#client.endCopy(now)
    this.#server.finish(now)
    this.#tell(EVENT.closed, { why }, now)
  }

  #tell(kind: typeof EVENT.opened | typeof EVENT.closed, body: object, now: number): void {
    const bytes = Buffer.from(JSON.stringify(body))
    this.#events.begin(this.#connection, kind, now)
    this.#events.put(bytes, 0, bytes.length)
    this.#events.end()
  }
}
