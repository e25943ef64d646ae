import { fail, finishedOf, makeExecution, startedOf } from './execution.ts'
import type { Asked, Execution } from './execution.ts'
import type { StatementOutcome, StatementSink } from './record.ts'
import type { Decode } from '../wire/body.ts'
import { decoderOf } from '../wire/encodings.ts'
import type { ServerReport, TransactionState } from '../wire/server-messages.ts'

/** Finished executions kept for the state after their batch; beyond it they go out without. */
const HELD_MOST = 4096
/** Tags that end a transaction: nothing before them can be taken back any more. */
const ENDS_TRANSACTION = /^(?:COMMIT|ROLLBACK|PREPARE TRANSACTION)/
/** Statements that commit by themselves even in a batch (PreventInTransactionBlock in PostgreSQL). */
const COMMITS_ITSELF =
  /^(?:VACUUM|CLUSTER|REINDEX|ALTER SYSTEM|(?:CREATE|DROP) (?:DATABASE|TABLESPACE|SUBSCRIPTION))/
const CONCURRENTLY = /\bconcurrently\b/i

/** A ledger as it is kept over a restart. */
export interface LedgerState {
  /** The client_encoding that the server reported last. */
  encoding: string
  /** When the server ended its last piece of work: it cannot have begun the next one earlier. */
  lastEnd: number
  /** Of the newest record. */
  number: number
  transaction: TransactionState
  /** Finished, and waiting for the end of their batch. */
  readonly held: Execution[]
}

export function emptyLedger(): LedgerState {
  return { encoding: 'UTF8', lastEnd: 0, number: 0, transaction: 'I', held: [] }
}

/** What both directions of one connection know together: the clock, the settings, the records. */
export class Ledger {
  /** Milliseconds since 1970; read once a chunk, never here. */
  now = 0
  decode: Decode
  readonly #sink: StatementSink
  readonly #state: LedgerState

  constructor(sink: StatementSink, state: LedgerState) {
    this.#sink = sink
    this.#state = state
    this.decode = decoderOf(state.encoding)
  }

  get transaction(): TransactionState {
    return this.#state.transaction
  }

  get lastEnd(): number {
    return this.#state.lastEnd
  }

  get encoding(): string {
    return this.#state.encoding
  }

  /** A setting that changes how the client's bytes read. */
  parameterStatus(name: string, value: string): void {
    if (name !== 'client_encoding') return
    this.#state.encoding = value
    this.decode = decoderOf(value)
  }

  /** Begins a record and tells the sink. */
  begin(asked: Asked): Execution {
    const number = this.#nextNumber()
    return this.#announce(
      makeExecution({ number, part: 1, partOf: number, startedAt: this.now }, asked),
    )
  }

  /** The next statement of the same Query, known only by its answer. */
  beginPart(previous: Execution): Execution {
    const { part, partOf } = previous.place
    const place = { number: this.#nextNumber(), part: part + 1, partOf, startedAt: this.lastEnd }
    return this.#announce(makeExecution(place, previous.asked))
  }

  /** Adds the time since the server took this up, and ends that stretch of its work. */
  spend(execution: Execution, sentAt: number): void {
    execution.touched = true
    execution.milliseconds += Math.max(0, this.now - Math.max(sentAt, this.lastEnd))
    this.#state.lastEnd = this.now
  }

  /** Holds a finished execution until its batch ends. */
  hold(execution: Execution): void {
    this.#state.held.push(execution)
    if (this.#state.held.length <= HELD_MOST) return
    const [oldest] = this.#state.held.splice(0, 1)
    if (oldest) this.#sink.finished(finishedOf(oldest, null))
  }

  /** Ends an execution that no answer will come for. */
  close(execution: Execution, outcome: StatementOutcome): void {
    if (execution.outcome) return
    execution.outcome = outcome
    this.hold(execution)
  }

  /** The end of a transaction failed: the last thing that was done in it carries the error. */
  failLast(report: ServerReport): void {
    const last = this.#state.held.at(-1)
    if (last) fail(last, report)
  }

  /** ReadyForQuery: everything held is settled now. */
  settle(state: TransactionState): void {
    if (this.#state.transaction === 'I' && state === 'I') this.#markRolledBack()
    this.#state.transaction = state
    this.#release(state)
  }

  /** The connection is over. */
  end(): void {
    this.#release(null)
  }

  #nextNumber(): number {
    this.#state.number += 1
    return this.#state.number
  }

  #announce(execution: Execution): Execution {
    this.#sink.started?.(startedOf(execution))
    return execution
  }

  /** An error before this ReadyForQuery undoes what succeeded in the same implicit transaction. */
  #markRolledBack(): void {
    if (!this.#state.held.some(({ outcome }) => outcome === 'error')) return
    const from = this.#state.held.findLastIndex(({ tag }) => ENDS_TRANSACTION.test(tag ?? '')) + 1
    const failed = this.#state.held.findLastIndex(({ outcome }) => outcome === 'error')
    for (const execution of this.#state.held.slice(from, failed)) {
      if (execution.outcome === 'ok') execution.rolledBack = !commitsItself(execution)
    }
  }

  #release(state: TransactionState | null): void {
    for (const execution of this.#state.held) this.#sink.finished(finishedOf(execution, state))
    this.#state.held.length = 0
  }
}

function commitsItself({ tag, asked }: Execution): boolean {
  return COMMITS_ITSELF.test(tag ?? '') || CONCURRENTLY.test(asked.sql.text)
}
