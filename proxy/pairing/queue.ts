import { empty } from './emptied.ts'
import type { CopyTally, Execution } from './execution.ts'
import type { Portal, Prepared } from './portals.ts'

/** What was asked of the server and not answered yet. */
export type Pending =
  | { readonly kind: 'parse'; readonly name: string; readonly prepared: Prepared }
  | PendingBind
  | {
      readonly kind: 'describe'
      readonly prepared: Prepared
      readonly portal: Portal | undefined
    }
  | { readonly kind: 'close'; readonly target: 'statement' | 'portal'; readonly name: string }
  | PendingExecute
  | PendingQuery
  | PendingCall
  | { readonly kind: 'sync' }
  /** A Flush that the server will refuse, unless a COPY swallows it. */
  | { readonly kind: 'refused flush' }
  /** CopyDone or CopyFail sent before the server said that it wants data. */
  | { readonly kind: 'copy end' }

export interface PendingBind {
  readonly kind: 'bind'
  readonly name: string
  /** What it binds; undefined where nobody can read that. */
  readonly statement: string | undefined
  readonly portal: Portal
}

interface Sent {
  readonly sentAt: number
  /** Of a Query: of the part that is or was last at work. */
  execution: Execution
  /** The server is taking COPY data from the client. */
  copying: boolean
  /** COPY data sent before the server asked for it, a tally for each COPY. */
  readonly early: CopyTally[]
  /** The last of them has not ended. */
  earlyOpen: boolean
}

export interface PendingExecute extends Sent {
  readonly kind: 'execute'
  /** Undefined where nobody can read it. */
  readonly name: string | undefined
  /** Undefined for a cursor of SQL's own. */
  portal: Portal | undefined
}

export interface PendingQuery extends Sent {
  readonly kind: 'query'
}

export interface PendingCall extends Sent {
  readonly kind: 'function call'
}

/** The messages that run something. */
export type PendingRun = PendingExecute | PendingQuery | PendingCall

/** Taken entries are dropped from the array in batches of at least this many, so that taking one costs nothing. */
const COMPACT_AT = 1024

/** A queue as it is kept over a restart. */
export interface QueueState {
  entries: Pending[]
  /** Where the head is. */
  first: number
  /** The newest message that runs something, while it is unanswered: COPY data belongs to it. */
  lastRun: PendingRun | undefined
  /** After an error, with no Sync sent yet: everything up to it will be ignored by the server. */
  skipping: boolean
}

export function emptyQueue(): QueueState {
  return { entries: [], first: 0, lastRun: undefined, skipping: false }
}

/** Expected answers in order; the head is what the server works on. */
export class StatementQueue {
  readonly #state: QueueState

  constructor(state: QueueState = emptyQueue()) {
    this.#state = state
  }

  get lastRun(): PendingRun | undefined {
    return this.#state.lastRun
  }

  get skipping(): boolean {
    return this.#state.skipping
  }

  set skipping(skipping: boolean) {
    this.#state.skipping = skipping
  }

  get length(): number {
    return this.#state.entries.length - this.#state.first
  }

  get head(): Pending | undefined {
    return this.#state.entries[this.#state.first]
  }

  /** The head, if it runs something. */
  get run(): PendingRun | undefined {
    const head = this.head
    return head && isRun(head) ? head : undefined
  }

  push(entry: Pending): void {
    this.#state.entries.push(entry)
    if (isRun(entry)) this.#state.lastRun = entry
  }

  /** Takes the head, and ends of COPY behind it that nobody waits for. */
  shift(): Pending | undefined {
    const taken = this.#take()
    while (this.head?.kind === 'copy end') this.#take()
    return taken
  }

  /** Takes everything up to the next Sync, which stays; without one, skipping begins. */
  takeUpToSync(): Pending[] {
    const taken: Pending[] = []
    for (let head = this.head; head && head.kind !== 'sync'; head = this.head) {
      this.#take()
      taken.push(head)
    }
    this.#state.skipping = this.length === 0
    return taken
  }

  /** Takes everything; the connection is over. */
  takeAll(): Pending[] {
    const taken = this.#state.entries.slice(this.#state.first)
    this.#state.entries = []
    this.#state.first = 0
    this.#state.lastRun = undefined
    return taken
  }

  /**
   * The head begins to take COPY data: each Flush and Sync sent before the data's end is ignored by the
   * server, and nothing else may stand there. Returns whether the end was already sent.
   */
  dropSyncsBeforeCopyEnd(): boolean {
    const { entries, first } = this.#state
    const taker = entries[first]
    if (!taker) return false
    let at = first + 1
    while (isPassedOver(entries[at])) at += 1
    const isEnded = entries[at]?.kind === 'copy end'
    // moved to where the last of what is dropped was: nothing behind it has to move
    this.#state.first = isEnded ? at : at - 1
    entries[this.#state.first] = taker
    return isEnded
  }

  #take(): Pending | undefined {
    const taken = this.#state.entries[this.#state.first]
    if (!taken) return undefined
    this.#state.first += 1
    if (taken === this.#state.lastRun) this.#state.lastRun = undefined
    if (this.#state.first === this.#state.entries.length) {
      empty(this.#state.entries)
      this.#state.first = 0
    } else if (
      this.#state.first >= COMPACT_AT &&
      this.#state.first * 2 >= this.#state.entries.length
    ) {
      this.#state.entries.splice(0, this.#state.first)
      this.#state.first = 0
    }
    return taken
  }
}

/** The record that an entry carries, if it carries one. */
export function executionOf(entry: Pending): Execution | undefined {
  if (entry.kind === 'bind') return entry.portal.execution
  return isRun(entry) ? entry.execution : undefined
}

function isPassedOver(entry: Pending | undefined): boolean {
  return entry?.kind === 'sync' || entry?.kind === 'refused flush'
}

function isRun(entry: Pending): entry is PendingRun {
  return entry.kind === 'execute' || entry.kind === 'query' || entry.kind === 'function call'
}
