import { randomUUID } from 'node:crypto'
import { serialize } from 'pg-protocol'
import type { Journal } from '../../proxy/journal/journal.ts'
import { encodeReady } from '../../proxy/wire/to-client.ts'
import { WireEvents } from './wire-events.ts'
import { int16, message } from './wire-messages.ts'

/** What a server answers, in bytes. */
export const ANSWER = {
  parsed: message('1'),
  bound: message('2'),
  row: message('D', int16(0)),
  done: (tag: string) => message('C', `${tag}\0`),
  ready: encodeReady('I'),
}

/** A connection made up for the journal: what both sides say, without anybody there. */
export class Conversation {
  readonly id: string
  readonly #writer: WireEvents
  readonly #leave: () => void
  #now: number

  constructor(
    journal: Journal,
    { session, organization = randomUUID(), id = randomUUID(), now = 1_780_000_000_000 }: Speaker,
  ) {
    this.id = id
    this.#now = now
    const number = journal.nextConnection()
    this.#writer = new WireEvents(journal, number)
    const statuses = [['client_encoding', 'UTF8']] as const
    const opened = { id, session, organization, statuses }
    this.#writer.opened(opened, this.#now)
    journal.live.opened(number, () => opened)
    this.#leave = () => journal.live.closed(number)
  }

  ask(...messages: Buffer[]): this {
    this.#writer.client(Buffer.concat(messages), this.#tick())
    return this
  }

  answer(...messages: Buffer[]): this {
    this.#writer.server(Buffer.concat(messages), this.#tick())
    return this
  }

  /** A simple query and its answer. */
  query(sql: string, tag = 'SELECT 1'): this {
    return this.ask(serialize.query(sql)).answer(ANSWER.row, ANSWER.done(tag), ANSWER.ready)
  }

  close(): void {
    this.#writer.closed('closed by the client', this.#tick())
    this.#leave()
  }

  #tick(): number {
    this.#now += 1.25
    return this.#now
  }
}

export interface Speaker {
  readonly session: string
  readonly organization?: string
  readonly id?: string
  /** Milliseconds since 1970. */
  readonly now?: number
}
