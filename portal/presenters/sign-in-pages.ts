/** What views/sign-ins take. */
import type { AuditTable, KeptField, Tab } from './audit-pages.ts'
import type { MeaningChoice } from './meanings.ts'
import type { Action, Empty, Field, Link, Moment, Page, Pager, ZoneChoice } from './pieces.ts'

// ---- views/sign-ins/index: GET /sign-ins, GET /sign-ins/:id {day, since, until, q, zone, after}

/** A sign-in in the left pane. */
export interface SignInRow {
  readonly id: string
  readonly href: string
  readonly current: boolean
  readonly name: string
  readonly username: string
  /** What the person may do beside asking for access. */
  readonly privileges: readonly string[]
  readonly started: Moment
  readonly active: boolean
  /** `active`, `signed out`, `terminated`. */
  readonly state: string
}

export interface SignInFilters {
  readonly q: Field
  readonly day: Field
  readonly since: Field
  readonly until: Field
  readonly sinceMeanings?: MeaningChoice | undefined
  readonly untilMeanings?: MeaningChoice | undefined
  /** The range starts open, because it is what is shown or wrong. */
  readonly rangeOpen: boolean
  readonly zones: readonly ZoneChoice[]
  /** The day before, today, the day after; none while a range is shown. */
  readonly days: readonly Link[]
  readonly clear?: Link | undefined
}

export interface SignInFact {
  readonly name: string
  readonly value: string
  readonly href?: string | undefined
  readonly moment?: Moment | undefined
}

/** What was done in a sign-in, for who may read the trail. */
export interface SignInOperations {
  readonly table: AuditTable
  readonly search: Field
  /** Fields of the address that the search keeps. */
  readonly kept: readonly KeptField[]
  readonly clearHref?: string | undefined
  readonly empty: string
  readonly pager: Pager
}

export interface SignInDetails {
  readonly id: string
  readonly href: string
  readonly heading: string
  readonly active: boolean
  readonly state: string
  readonly facts: readonly SignInFact[]
  readonly actions: readonly Action[]
  /** Why there is no button, where a reader would look for one. */
  readonly notEnded?: string | undefined
  /** Where a locked person is let in again. */
  readonly unlock?: Link | undefined
  readonly operations?: SignInOperations | undefined
  /** Stands in for the operations. */
  readonly noOperations?: string | undefined
}

export interface SignInsPage {
  readonly page: Page
  readonly views: readonly Tab[]
  readonly wrong: readonly string[]
  readonly filters: SignInFilters
  readonly rows: readonly SignInRow[]
  readonly count: string
  readonly empty: Empty
  readonly pager: Pager
  /** The list with the same filter, from the details. */
  readonly listHref: string
  /** Absent until one is chosen. */
  readonly details?: SignInDetails | undefined
}

// ---- views/account/sign-ins: GET /account/sign-ins

export interface OwnSignInRow {
  readonly id: string
  /** The one that reads this. */
  readonly current: boolean
  readonly started: Moment
  readonly lastSeen: Moment
  /** Address, and the name it had. */
  readonly from: string
  readonly browser: string
  readonly method: string
  readonly endHref?: string | undefined
}

export interface OwnSignInsPage {
  readonly page: Page
  readonly rows: readonly OwnSignInRow[]
  /** Absent where there is no other. */
  readonly endOthersHref?: string | undefined
}
