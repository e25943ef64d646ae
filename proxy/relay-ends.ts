import type { Socket } from 'node:net'
import type { Counters } from './counters.ts'
import type { Turns } from './io/turns.ts'
import type { OpenedBody } from './journal/events.ts'
import type { Journal } from './journal/journal.ts'

/** What a relay lies between, and whom it tells. */
export interface RelayEnds {
  readonly client: Socket
  readonly upstream: Socket
  /** Of the process: all its connections write to one journal, in the same turns. */
  readonly journal: Journal
  readonly turns: Turns
  readonly counters: Counters
  /** Whose connection it is, and what the server reported at login. */
  readonly speaker: OpenedBody
  /** Asks the backend to end what it is doing. */
  readonly cancel: () => void
  /** Told of a fault of ours; the connection is cut for it. */
  readonly failed: (error: unknown) => void
  /** Called once, with the reason in a few words. */
  readonly over: (why: string) => void
}
