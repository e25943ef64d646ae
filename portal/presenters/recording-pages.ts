/** What the views of a recording take: the statements of a session, and what it runs right now. */
import type { Choice, Field, Link, Moment, Page, State } from './pieces.ts'
import type { SqlSpan } from './sql-spans.ts'
import type { StatementMark } from './statement-marks.ts'

// ---- views/sessions/connections

export interface ConnectionRow {
  /** `Connection 2` */
  readonly name: string
  /** Its statements alone. */
  readonly href: string
  readonly clientIp: string
  readonly database: string
  readonly application: string
  readonly backendPid: string
  readonly opened: Moment
  /** Absent while it is open. */
  readonly closed?: Moment | undefined
  readonly why: string
  /** `12 statements, 1 error` */
  readonly statements: string
}

export interface ConnectionsSection {
  /** `3 connections` */
  readonly text: string
  readonly rows: readonly ConnectionRow[]
  /** Folded behind the others. */
  readonly more: readonly ConnectionRow[]
}

// ---- views/sessions/statements

export interface StatementRow {
  /** Where the rows of another connection begin: `Connection 2, 10.0.0.7 to shop, opened ...`. */
  readonly opening?: string | undefined
  /** Where another day begins, in Central Manager's zone: `2026-11-23, UTC +1`. */
  readonly day?: string | undefined
  /** Counts the statements of its connection. */
  readonly number: string
  readonly anchor: string
  /** The page of this statement. */
  readonly href: string
  readonly at: Moment
  /** In Central Manager's zone, on its day: `10:04:00.123`. */
  readonly time: string
  readonly marks: readonly StatementMark[]
  readonly isGap: boolean
  /** The text in colours, and what of it is folded. */
  readonly beginning: readonly SqlSpan[]
  readonly rest: readonly SqlSpan[]
  readonly restText: string
  /** What was searched for stands in the rest. */
  readonly isFoundInRest: boolean
  /** Only its own page shows the whole. */
  readonly isCut: boolean
  /** Only the beginning of it was kept, and what proves the rest. */
  readonly cut?: string | undefined
  /** Bind values in order, written as literals; NULL is `NULL`. */
  readonly values: readonly string[]
  readonly moreValues: readonly string[]
  readonly moreValuesText: string
  /** `Part 2 of the text sent as No. 4`. */
  readonly part?: string | undefined
  /** How it ended where no tag or error says so: `Aborted: ...`. */
  readonly outcome?: string | undefined
  /** The command's tag; empty where there is none and the marks say why, `-` where nothing does. */
  readonly tag: string
  readonly rows: string
  /** `1.2 ms`. */
  readonly took: string
  /** SQLSTATE and message. */
  readonly error?: string | undefined
  /** `COPY carried 1,204 bytes into the data source` */
  readonly copied?: string | undefined
  /** SHA-256 of them, in hex. */
  readonly copyDigest?: string | undefined
}

/** The search within the statements of a session. */
export interface SearchSection {
  readonly action: string
  readonly q: Field
  /** What is kept when the text is changed; empty for all. */
  readonly only: string
  readonly tabs: readonly SearchTab[]
  /** More than one, to choose from. */
  readonly connections: readonly Choice[]
  /** What a tab does not tell. */
  readonly note?: string | undefined
  /** Why nothing was looked for. */
  readonly error?: string | undefined
  readonly isActive: boolean
  readonly isPaged: boolean
  readonly clearHref: string
  /** The same search from a cursor on, or from its beginning. */
  pageHref(after?: string): string
}

/** One sort of statements, as a link. */
export interface SearchTab {
  readonly label: string
  readonly href: string
  readonly current: boolean
  readonly count?: string | undefined
}

export interface StatementsSection {
  /** False hides the section from people who may not read it. */
  readonly shown: boolean
  readonly search: SearchSection
  readonly rows: readonly StatementRow[]
  /** What stands in place of rows. */
  readonly empty: string
  /** The session has not begun: its page says how one goes. */
  readonly isAhead: boolean
  /** What the policy no longer kept, in a sentence. */
  readonly dropped?: string | undefined
  readonly nextHref?: string | undefined
  readonly firstHref?: string | undefined
  /** The whole recording as a file. */
  readonly exportHrefs: readonly Link[]
}

// ---- views/sessions/statement: GET /sessions/:id/statements/:connection/:number

export interface StatementPage {
  readonly page: Page
  readonly id: string
  readonly number: string
  /** `Statement 5 of connection 1` */
  readonly heading: string
  /** `Connection 2, 10.0.0.7 to shop` */
  readonly connection: string
  /** Whose session it is: its requester, user, roles and state. */
  readonly requester: string
  readonly username: string
  readonly roles: readonly string[]
  readonly state: State
  readonly marks: readonly StatementMark[]
  readonly spans: readonly SqlSpan[]
  readonly cut?: string | undefined
  readonly at: Moment
  /** To the millisecond: `2026-11-23 09:04:00.123 UTC`. */
  readonly utc: string
  readonly facts: readonly { readonly name: string; readonly text: string }[]
  /** What happened to it, for somebody who has never met the word. */
  readonly explanation: string
  readonly error?: string | undefined
  readonly values: readonly { readonly name: string; readonly text: string }[]
  readonly copyDigest?: string | undefined
  readonly previousHref?: string | undefined
  readonly nextHref?: string | undefined
  /** It, and those around it on its connection. */
  readonly rows: readonly StatementRow[]
  /** The list at the place where it stands. */
  readonly listHref: string
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
