import { Execution } from './execution.ts'
import type { Asked, SqlText } from './execution.ts'
import { redactSql } from './redaction.ts'
import type { StatementOutcome, StatementSink } from './record.ts'
import type { Cut } from './digests.ts'
import { decodeUtf8 } from '../wire/body.ts'
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

/** What both directions of one connection know together: the clock, the settings, the records. */
export class Ledger {
  /** Milliseconds since 1970; read once a chunk, never here. */
  now = 0
  /** When the server ended its last piece of work: it cannot have begun the next one earlier. */
  lastEnd = 0
  decode: Decode = decodeUtf8
  readonly limit: number
  readonly #sink: StatementSink
  readonly #held: Execution[] = []
  #backslashEscapes = false
  #number = 0
  #transaction: TransactionState = 'I'

  constructor(sink: StatementSink, limit: number) {
    this.#sink = sink
    this.limit = limit
  }

  get transaction(): TransactionState {
    return this.#transaction
  }

  /** Settings that change how the client's bytes read. */
  parameterStatus(name: string, value: string): void {
    if (name === 'client_encoding') this.decode = decoderOf(value)
    if (name === 'standard_conforming_strings') this.#backslashEscapes = value === 'off'
  }

  /** The only door from a client's SQL to a record: passwords stay outside. */
  sql(text: string, cut: Cut | null = null): SqlText {
    const safe = redactSql(text, { backslashEscapes: this.#backslashEscapes })
    if (safe === text) return { text, cut, redacted: false }
    // a digest of a text whose secret is its only unknown would let anyone try secrets on it
    return { text: safe, cut: cut && { ...cut, sha256: null }, redacted: true }
  }

  /** Begins a record and tells the sink. */
  begin(asked: Asked): Execution {
    const number = this.#nextNumber()
    return this.#announce(
      new Execution({ number, part: 1, partOf: number, startedAt: this.now }, asked),
    )
  }

  /** The next statement of the same Query, known only by its answer. */
  beginPart(previous: Execution): Execution {
    const { part, partOf } = previous.place
    const place = { number: this.#nextNumber(), part: part + 1, partOf, startedAt: this.lastEnd }
    return this.#announce(new Execution(place, previous.asked))
  }

  /** Adds the time since the server took this up, and ends that stretch of its work. */
  spend(execution: Execution, sentAt: number): void {
    execution.touched = true
    execution.milliseconds += Math.max(0, this.now - Math.max(sentAt, this.lastEnd))
    this.lastEnd = this.now
  }

  /** Holds a finished execution until its batch ends. */
  hold(execution: Execution): void {
    this.#held.push(execution)
    if (this.#held.length <= HELD_MOST) return
    const [oldest] = this.#held.splice(0, 1)
    if (oldest) this.#sink.finished(oldest.finished(null))
  }

  /** Ends an execution that no answer will come for. */
  close(execution: Execution, outcome: StatementOutcome): void {
    if (execution.outcome) return
    execution.outcome = outcome
    this.hold(execution)
  }

  /** The end of a transaction failed: the last thing that was done in it carries the error. */
  failLast(report: ServerReport): void {
    this.#held.at(-1)?.fail(report)
  }

  /** ReadyForQuery: everything held is settled now. */
  settle(state: TransactionState): void {
    if (this.#transaction === 'I' && state === 'I') this.#markRolledBack()
    this.#transaction = state
    this.#release(state)
  }

  /** The connection is over. */
  end(): void {
    this.#release(null)
  }

  #nextNumber(): number {
    this.#number += 1
    return this.#number
  }

  #announce(execution: Execution): Execution {
    this.#sink.started(execution.started())
    return execution
  }

  /** An error before this ReadyForQuery undoes what succeeded in the same implicit transaction. */
  #markRolledBack(): void {
    if (!this.#held.some(({ outcome }) => outcome === 'error')) return
    const from = this.#held.findLastIndex(({ tag }) => ENDS_TRANSACTION.test(tag ?? '')) + 1
    const failed = this.#held.findLastIndex(({ outcome }) => outcome === 'error')
    for (const execution of this.#held.slice(from, failed)) {
      if (execution.outcome === 'ok') execution.rolledBack = !commitsItself(execution)
    }
  }

  #release(state: TransactionState | null): void {
    for (const execution of this.#held) this.#sink.finished(execution.finished(state))
    this.#held.length = 0
  }
}

function commitsItself({ tag, asked }: Execution): boolean {
  return COMMITS_ITSELF.test(tag ?? '') || CONCURRENTLY.test(asked.sql.text)
}
