import type { Socket } from 'node:net'
import type { Counters } from './counters.ts'
import type { Turns } from './io/turns.ts'
import type { OpenedBody } from './journal/events.ts'
import type { Journal } from './journal/journal.ts'

/** What login leaves to a relay: none of it is kept as it is. */
export interface RelayStart {
  readonly client: Socket
  readonly upstream: Socket
  /** What the server reported. */
  readonly statuses: OpenedBody['statuses']
}

/** What a relay lives on, and whom it tells. */
export interface RelayEnds {
  /** Of the process: all its connections write to one journal, in the same turns. */
  readonly journal: Journal
  readonly turns: Turns
  readonly counters: Counters
  /** Whose connection it is. */
  readonly speaker: Omit<OpenedBody, 'statuses'>
  /** Asks the backend to end what it is doing. */
  readonly cancel: () => void
  /** Told of a fault of ours; the connection is cut for it. */
  readonly failed: (error: unknown) => void
  /** Called once, with the reason in a few words. */
  readonly over: (why: string) => void
}
