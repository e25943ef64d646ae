/** What the views of a recording take: the statements of a session, and what it runs right now. */
import type { Moment, Page } from './pieces.ts'

// ---- views/sessions/statements

export interface StatementRow {
  /** Where the rows of another connection begin: `Connection 2, 10.0.0.7 to shop, opened ...`. */
  readonly opening?: string | undefined
  /** Counts the statements of its connection. */
  readonly number: string
  readonly at: Moment
  readonly text: string
  /** It may need to be scrolled, and so to be reached by the keyboard. */
  readonly isLong: boolean
  /** Bind values in order, written as literals; NULL is `NULL`. */
  readonly values: readonly string[]
  /** `Part 2 of the text sent as No. 4`. */
  readonly part?: string | undefined
  /** How it ended where no tag or error says so: `Aborted: ...`. */
  readonly outcome?: string | undefined
  /** The command's tag or `-`. */
  readonly tag: string
  readonly rows: string
  /** `1.2 ms`. */
  readonly time: string
  /** SQLSTATE and message. */
  readonly error?: string | undefined
}

export interface StatementsSection {
  /** False hides the section from people who may not read it. */
  readonly shown: boolean
  readonly rows: readonly StatementRow[]
  /** `No statements yet`, `1,204 statements`. */
  readonly text: string
  /** What the policy no longer kept, in a sentence. */
  readonly dropped?: string | undefined
  readonly nextHref?: string | undefined
}

// ---- views/sessions/running-now

/** What one connection runs right now. */
export interface RunningRow {
  /** `Connection 2, 10.0.0.7 to shop`. */
  readonly connection: string
  readonly number: string
  readonly text: string
  readonly isLong: boolean
  /** How it was sent: `query`, `execute`. */
  readonly kind: string
  /** For how long it has run, and in milliseconds for the page to count on. */
  readonly age: string
  readonly milliseconds: string
  readonly rows: string
  readonly bytes: string
}

export interface RunningSection {
  /** Where a page asks for it alone. */
  readonly href: string
  readonly rows: readonly RunningRow[]
  /** `2 statements`. */
  readonly text: string
}

// ---- views/sessions/running: GET /sessions/:id/running

export interface RunningPage {
  readonly page: Page
  readonly id: string
  /** Absent for a session that is not granted. */
  readonly running?: RunningSection | undefined
}
