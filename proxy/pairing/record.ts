import type { StatementValue } from './values/bind-values.ts'
import type { Cut } from '../statements/digests.ts'
import type { TransactionState } from '../wire/server-messages.ts'

/** `gap` is no statement: it stands where a part of the recording is missing, and its text says so. */
export type StatementKind = 'simple' | 'extended' | 'function call' | 'copy in' | 'copy out' | 'gap'

/**
 * How it ended: `skipped` was sent behind an error and never ran; `aborted` had no answer when the
 * connection ended; `unknown` had an answer that says neither, or was done in a batch whose end nobody
 * saw, which decides whether it lasts.
 */
export type StatementOutcome = 'ok' | 'error' | 'skipped' | 'aborted' | 'unknown'

/** One statement when it was asked for, before the server has seen all of it. */
export interface StartedStatement {
  /** Counts the records of one connection, from 1. */
  readonly number: number
  /**
   * Place in a Query of several statements, from 1. Each part has the text of the whole Query: a proxy
   * that splits SQL would sometimes be wrong.
   */
  readonly part: number
  /** Number of the first part; its own number for everything that is not a later part. */
  readonly partOf: number
  /** Without passwords; only the beginning if `cut` says how long it was. */
  readonly text: string
  readonly cut: Cut | null
  readonly kind: StatementKind
  readonly values: readonly StatementValue[]
  /** Names are '' for the unnamed statement and portal, null where the protocol has none. */
  readonly statementName: string | null
  readonly portalName: string | null
  /** Milliseconds since 1970, as the clock of the chunk that brought it said. */
  readonly startedAt: number
}

/** The same statement with its answer; what was only planned at the start is corrected here. */
export interface FinishedStatement extends StartedStatement {
  /** One object for all records that have their text from one message; with `values`, one Bind. */
  readonly source: object
  /** Time the server spent on it, as seen from here. */
  readonly milliseconds: number
  readonly tag: string | null
  /** Rows returned, or else the number in the tag. */
  readonly rows: number
  /** Bytes of rows, or of what a COPY carried. */
  readonly bytes: number
  /** SHA-256 in hex of what a COPY carried. */
  readonly digest: string | null
  readonly sqlstate: string | null
  readonly message: string | null
  readonly outcome: StatementOutcome
  /** After the batch that it was part of; null when that answer never came. */
  readonly transaction: TransactionState | null
  /** An error later in the same implicit transaction took it back, whatever its tag says. */
  readonly rolledBack: boolean
}

/** Who is told. Called synchronously. */
export interface StatementSink {
  started?(statement: StartedStatement): void
  finished(statement: FinishedStatement): void
}
