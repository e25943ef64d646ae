import { empty } from './emptied.ts'
import { fail, finishedOf, makeExecution, startedOf } from './execution.ts'
import type { Asked, Execution } from './execution.ts'
import { weightOfValues } from './values/bind-values.ts'
import { commitsItself } from './own-commits.ts'
import type { StatementOutcome, StatementSink } from './record.ts'
import type { Decode } from '../wire/body.ts'
import { decoderOf } from '../wire/encodings.ts'
import type { ServerReport, TransactionState } from '../wire/server-messages.ts'

/**
 * Finished executions kept for the state after their batch, in bytes: more than 100,000 inserts ahead of
 * one Sync. Beyond it they go out without, because a client may go on for as long as it likes.
 */
const HELD_MOST = 48 * 1024 * 1024
/** One of them with its place and its names, as V8 lays them out: 350 to 410. */
const EXECUTION_BYTES = 400
/** Tags that end a transaction: nothing before them can be taken back any more. */
const ENDS_TRANSACTION = /^(?:COMMIT|ROLLBACK|PREPARE TRANSACTION)/

/** What the ledgers of many connections hold together, in bytes, roughly. */
export interface HeldTogether {
  bytes: number
}

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
  readonly #together: HeldTogether
  #heldBytes = 0

  constructor(sink: StatementSink, state: LedgerState, together: HeldTogether = { bytes: 0 }) {
    this.#sink = sink
    this.#state = state
    this.#together = together
    state.held.forEach((execution, at) => this.#weigh(weightOf(execution, state.held[at - 1])))
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

  /** What is held takes so many bytes, roughly. */
  get heldBytes(): number {
    return this.#heldBytes
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

  /** Says where something is missing, when everything before it is closed. */
  gap(text: string): void {
    const sql = { text, cut: null, redacted: false }
    const names = { statementName: null, portalName: null }
    this.close(this.begin({ sql, kind: 'gap', values: [], ...names }), 'unknown')
    this.#release(null)
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
    const { held } = this.#state
    this.#weigh(weightOf(execution, held.at(-1)))
    held.push(execution)
    if (this.#heldBytes > HELD_MOST) this.releaseUnsettled()
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
    if (state === 'I') this.#markRolledBack()
    this.#state.transaction = state
    this.#release(state)
  }

  /** The connection is over, and with it a batch whose end nobody saw. */
  end(): void {
    if (this.#state.transaction === 'I') this.#markRolledBack()
    this.#doubt(this.#state.held.length)
    this.#release(null)
  }

  /**
   * Too much to wait for the end of the batch. Only the newest stays, which that end may fail; or not even
   * that one, and then nobody hears of it.
   */
  releaseUnsettled(kept: 0 | 1 = 1): void {
    const { held } = this.#state
    const count = held.length - kept
    if (count < 1) return
    this.#doubt(count)
    if (this.#endOfTransaction() !== -1) this.#state.transaction = 'I'
    for (const execution of held.splice(0, count)) {
      this.#sink.finished(finishedOf(execution, null))
    }
    const [newest] = held
    this.#weigh((newest ? weightOf(newest, undefined) : 0) - this.#heldBytes)
  }

  #nextNumber(): number {
    this.#state.number += 1
    return this.#state.number
  }

  #announce(execution: Execution): Execution {
    this.#sink.started?.(startedOf(execution))
    return execution
  }

  /** An error before the end of the batch undoes what succeeded in the same implicit transaction. */
  #markRolledBack(): void {
    if (!this.#state.held.some(({ outcome }) => outcome === 'error')) return
    const from = this.#endOfTransaction() + 1
    const failed = this.#state.held.findLastIndex(({ outcome }) => outcome === 'error')
    for (const execution of this.#state.held.slice(from, failed)) {
      const { outcome, tag, asked } = execution
      if (outcome === 'ok') execution.rolledBack = !commitsItself(tag, asked.sql.text)
    }
  }

  #release(state: TransactionState | null): void {
    for (const execution of this.#state.held) this.#sink.finished(finishedOf(execution, state))
    empty(this.#state.held)
    this.#weigh(-this.#heldBytes)
  }

  #weigh(added: number): void {
    this.#heldBytes += added
    this.#together.bytes += added
  }

  /**
   * The first so many of those held go out without the end of their batch: what an error may still take
   * back, or the end of the connection, has not ended well, and not badly.
   */
  #doubt(count: number): void {
    const { held, transaction } = this.#state
    const ended = this.#endOfTransaction()
    const isInBlock = transaction !== 'I' && ended === -1
    for (const [at, execution] of held.slice(0, count).entries()) {
      const { outcome, rolledBack, tag, asked } = execution
      const isSettled = isInBlock || at <= ended || commitsItself(tag, asked.sql.text)
      if (outcome === 'ok' && !rolledBack && !isSettled) execution.outcome = 'unknown'
    }
  }

  /** Where the newest of those held stands that ended a transaction; -1 without one. */
  #endOfTransaction(): number {
    return this.#state.held.findLastIndex(({ tag }) => ENDS_TRANSACTION.test(tag ?? ''))
  }
}

/** Consecutive ones often share what they were asked: its text, or all of it. */
function weightOf({ asked, message }: Execution, previous: Execution | undefined): number {
  const weight = EXECUTION_BYTES + (message?.length ?? 0)
  if (asked === previous?.asked) return weight
  const text = asked.sql === previous?.asked.sql ? 0 : asked.sql.text.length
  return weight + text + weightOfValues(asked.values)
}
