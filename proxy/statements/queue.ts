import type { CopyDigest } from './digests.ts'
import type { Execution } from './execution.ts'
import type { Portal, Prepared } from './portals.ts'

/** What was asked of the server and not answered yet. */
export type Pending =
  | { readonly kind: 'parse'; readonly name: string; readonly prepared: Prepared }
  | { readonly kind: 'bind'; readonly name: string; readonly portal: Portal }
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
  /** CopyDone or CopyFail sent before the server said that it wants data. */
  | { readonly kind: 'copy end' }

interface Sent {
  readonly sentAt: number
  /** Of a Query: of the part that is or was last at work. */
  execution: Execution
  /** The server is taking COPY data from the client. */
  copying: boolean
  /** COPY data sent before the server asked for it, a digest for each COPY. */
  readonly early: CopyDigest[]
  /** The last of them has not ended. */
  earlyOpen: boolean
}

export interface PendingExecute extends Sent {
  readonly kind: 'execute'
  readonly name: string
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

/** Taken entries are dropped from the array in batches, so that taking one costs nothing. */
const COMPACT_AT = 1024

/** Expected answers in order; the head is what the server works on. */
export class StatementQueue {
  #entries: Pending[] = []
  #first = 0
  /** The newest message that runs something, while it is unanswered: COPY data belongs to it. */
  lastRun: PendingRun | undefined
  /** After an error, with no Sync sent yet: everything up to it will be ignored by the server. */
  skipping = false

  get length(): number {
    return this.#entries.length - this.#first
  }

  get head(): Pending | undefined {
    return this.#entries[this.#first]
  }

  /** The head, if it runs something. */
  get run(): PendingRun | undefined {
    const head = this.head
    return head && isRun(head) ? head : undefined
  }

  push(entry: Pending): void {
    this.#entries.push(entry)
    if (isRun(entry)) this.lastRun = entry
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
    this.skipping = this.length === 0
    return taken
  }

  /** Takes everything; the connection is over. */
  takeAll(): Pending[] {
    const taken = this.#entries.slice(this.#first)
    this.#entries = []
    this.#first = 0
    this.lastRun = undefined
    return taken
  }

  /** Everything unanswered. */
  entries(): readonly Pending[] {
    return this.#entries.slice(this.#first)
  }

  /**
   * The head begins to take COPY data: Syncs sent before the data's end are ignored by the server.
   * Returns whether the end was already sent.
   */
  dropSyncsBeforeCopyEnd(): boolean {
    const rest = this.entries().slice(1)
    const end = rest.findIndex(({ kind }) => kind === 'copy end')
    const before = end === -1 ? rest : rest.slice(0, end)
    const after = end === -1 ? [] : rest.slice(end + 1)
    const kept = before.filter(({ kind }) => kind !== 'sync')
    this.#entries = [...this.#entries.slice(this.#first, this.#first + 1), ...kept, ...after]
    this.#first = 0
    return end !== -1
  }

  #take(): Pending | undefined {
    const taken = this.#entries[this.#first]
    if (!taken) return undefined
    this.#first += 1
    if (taken === this.lastRun) this.lastRun = undefined
    if (this.#first === this.#entries.length) {
      this.#entries.length = 0
      this.#first = 0
    } else if (this.#first >= COMPACT_AT) {
      this.#entries.splice(0, this.#first)
      this.#first = 0
    }
    return taken
  }
}

/** The record that an entry carries, if it carries one. */
export function executionOf(entry: Pending): Execution | undefined {
  if (entry.kind === 'bind') return entry.portal.execution
  return isRun(entry) ? entry.execution : undefined
}

function isRun(entry: Pending): entry is PendingRun {
  return entry.kind === 'execute' || entry.kind === 'query' || entry.kind === 'function call'
}
