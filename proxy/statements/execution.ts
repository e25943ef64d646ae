import type { StatementValue } from './values/bind-values.ts'
import { CopyDigest } from './digests.ts'
import type { Cut } from './digests.ts'
import type {
  FinishedStatement,
  StartedStatement,
  StatementKind,
  StatementOutcome,
} from './record.ts'
import type { ServerReport, TransactionState } from '../wire/server-messages.ts'

/** An SQL text, without passwords. */
export interface SqlText {
  readonly text: string
  readonly cut: Cut | null
  /** Something was taken out, and an error message could quote it. */
  readonly redacted: boolean
}

/** What is known of a statement when it is sent. */
export interface Asked {
  readonly sql: SqlText
  readonly kind: StatementKind
  readonly values: readonly StatementValue[]
  readonly statementName: string | null
  readonly portalName: string | null
}

/** Its place among the records of the connection. */
export interface Place {
  readonly number: number
  readonly part: number
  readonly partOf: number
  readonly startedAt: number
}

/** Tags that end with the number of rows a statement changed (manual, "CommandComplete"). */
const COUNTED = /^(?:INSERT \d+|[A-Z ]+?) (\d+)$/
/** Class 42601, syntax error: its message quotes the text. */
const SYNTAX_ERROR = '42601'

/** One statement while it runs. */
export class Execution {
  asked: Asked
  milliseconds = 0
  rolledBack = false
  /** Bound, and its Execute was not sent yet: planning alone can run functions, so it has a record. */
  isOnlyBound = false
  /** The server has worked on it: a suspended one is not skipped, it has run in part. */
  touched = false
  outcome: StatementOutcome | undefined
  tag: string | null = null
  readonly #place: Place
  #kind: StatementKind | undefined
  #rows = 0
  #bytes = 0
  #copy: CopyDigest | undefined
  #sqlstate: string | null = null
  #message: string | null = null

  constructor(place: Place, asked: Asked) {
    this.#place = place
    this.asked = asked
  }

  get place(): Place {
    return this.#place
  }

  row(bytes: number): void {
    this.#rows += 1
    this.#bytes += bytes
  }

  /** The answer shows that this is a COPY; its bytes are counted there. */
  becomeCopy(kind: 'copy in' | 'copy out', copy: CopyDigest): void {
    this.#kind = kind
    this.#copy = copy
  }

  get copy(): CopyDigest | undefined {
    return this.#copy
  }

  complete(tag: string | null): void {
    this.outcome = 'ok'
    this.tag = tag
    // a server may write any number there; the record's has an end
    const counted = Number(COUNTED.exec(tag ?? '')?.[1] ?? 0)
    if (this.#rows === 0) this.#rows = Math.min(counted, Number.MAX_SAFE_INTEGER)
  }

  /** Also after `complete`: an error at the end of a transaction outranks the tags in it. */
  fail({ sqlstate, message }: ServerReport): void {
    const quotes = this.asked.sql.redacted && sqlstate === SYNTAX_ERROR
    this.outcome = 'error'
    this.#sqlstate = sqlstate
    this.#message = quotes ? 'syntax error' : message
  }

  started(): StartedStatement {
    return {
      number: this.#place.number,
      part: this.#place.part,
      partOf: this.#place.partOf,
      text: this.asked.sql.text,
      cut: this.asked.sql.cut,
      kind: this.#kind ?? this.asked.kind,
      values: this.asked.values,
      statementName: this.asked.statementName,
      portalName: this.asked.portalName,
      startedAt: this.#place.startedAt,
    }
  }

  /** Field by field, not spread from `started`: V8 is twenty times slower to spread than to write. */
  finished(transaction: TransactionState | null): FinishedStatement {
    return {
      number: this.#place.number,
      part: this.#place.part,
      partOf: this.#place.partOf,
      text: this.asked.sql.text,
      cut: this.asked.sql.cut,
      kind: this.#kind ?? this.asked.kind,
      values: this.asked.values,
      statementName: this.asked.statementName,
      portalName: this.asked.portalName,
      startedAt: this.#place.startedAt,
      milliseconds: this.milliseconds,
      tag: this.tag,
      rows: this.#rows,
      bytes: this.#copy?.bytes ?? this.#bytes,
      digest: this.#copy?.finish() ?? null,
      sqlstate: this.#sqlstate,
      message: this.#message,
      outcome: this.outcome ?? 'unknown',
      transaction,
      rolledBack: this.rolledBack,
    }
  }
}
