/** What views/audit take. */
import type { MeaningChoice } from './meanings.ts'
import type {
  Choice,
  Empty,
  Field,
  Link,
  Moment,
  Page,
  Pager,
  StateName,
  ZoneChoice,
} from './pieces.ts'
import type { ColumnName } from './audit-views.ts'

// ---- views/audit/index: GET /audit, GET /audit/download

/** What the popover of a session id tells. */
export interface SessionPeek {
  readonly href: string
  readonly relatedHref: string
  readonly headline: string
  readonly roles: readonly { readonly name: string; readonly text: string }[]
  /** In Central Manager's zone, and in the person's own or UTC. */
  readonly start?: Moment | undefined
  readonly end?: Moment | undefined
  readonly justification: string
}

/** The head of a column, the zone behind it where it holds times. */
export interface AuditHeading {
  readonly column: ColumnName
  readonly label: string
  readonly look: string
}

/** One cell as the record was written; `about` stands in for blanks that a record of no session leaves. */
export interface AuditCell {
  readonly column: ColumnName | 'about'
  readonly kind:
    'text' | 'record' | 'session' | 'state' | 'scope' | 'code' | 'time' | 'action' | 'about'
  /** Its heading, where a narrow window shows cells below each other. */
  readonly label: string
  readonly text: string
  /** Class names. */
  readonly look: string
  readonly iso?: string | undefined
  /** Columns that it takes the place of. */
  readonly span?: number | undefined
}

export interface AuditRow {
  readonly recordId: string
  readonly href: string
  /** Empty for records that are no state. */
  readonly scope: 'session' | 'role' | ''
  readonly sessionId: string
  readonly peek?: SessionPeek | undefined
  /** The state reached; absent for records that are no state, which then show their action. */
  readonly state?: StateName | undefined
  /** `refused` or `failed`; absent where it was done. */
  readonly outcome?: string | undefined
  readonly cells: readonly AuditCell[]
}

export interface AuditTable {
  readonly label: string
  readonly headings: readonly AuditHeading[]
  readonly rows: readonly AuditRow[]
}

/** The fields of the filter form that hold text; choices from lists stand beside them. */
export type AuditFilterName =
  | 'since'
  | 'until'
  | 'session'
  | 'action'
  | 'actor'
  | 'requester'
  | 'role'
  | 'username'
  | 'dataSource'
  | 'clientIp'
  | 'subject'
  | 'company'
  | 'accountId'
  | 'reason'
  | 'q'

/** A field of the address that a form keeps. */
export interface KeptField {
  readonly name: string
  readonly value: string
}

/** One of several links of which one is open. */
export interface Tab extends Link {
  readonly current: boolean
}

/** Choices of one kind from a list, each with its count. */
export interface ChoiceList {
  readonly name: 'state' | 'action' | 'area' | 'scope'
  readonly legend: string
  readonly type: 'checkbox' | 'radio'
  readonly choices: readonly Choice[]
  readonly error?: string | undefined
}

export interface AuditFilters {
  /** What the form keeps beside its own fields: view, columns, and a range of time. */
  readonly kept: readonly KeptField[]
  /** Filled even when a field is wrong, so that nothing typed is lost. */
  readonly fields: Readonly<Record<AuditFilterName, Field>>
  /** Which of two instants a local time means that comes twice. */
  readonly sinceMeanings?: MeaningChoice | undefined
  readonly untilMeanings?: MeaningChoice | undefined
  readonly ranges: readonly Tab[]
  /** Rows of sessions, of their roles, or both; empty where records reach no state. */
  readonly rows: readonly Tab[]
  readonly lists: readonly ChoiceList[]
  readonly zones: readonly ZoneChoice[]
  /** How many filters of the panel are active. */
  readonly inPanel: number
  /** The panel starts open, because a field in it is wrong. */
  readonly open: boolean
}

export interface ColumnChooser {
  readonly kept: readonly KeptField[]
  readonly columns: readonly Choice[]
  /** Back to the columns of the view; absent where they are shown. */
  readonly resetHref?: string | undefined
}

/** The filters that have a name, as the Audit tab lists them. */
export interface SavedMenu {
  readonly filters: readonly (Link & { readonly by: string })[]
  readonly href: string
  /** Keeps the filters of this page under a name; absent where there is none. */
  readonly saveHref?: string | undefined
}

export interface AuditPage {
  readonly page: Page
  readonly views: readonly Tab[]
  readonly filters: AuditFilters
  readonly chooser: ColumnChooser
  readonly saved: SavedMenu
  /** Active filters; `href` is this page without that one. */
  readonly chips: readonly { readonly label: string; readonly href: string }[]
  readonly clearHref?: string | undefined
  readonly table: AuditTable
  readonly empty: Empty
  /** What is wrong with the address where no field shows it. */
  readonly wrong: readonly string[]
  readonly count: string
  /** Something is not counted yet: the script asks again. */
  readonly uncounted: boolean
  readonly pager: Pager
  /** Where the script asks for records that came since; absent on later pages. */
  readonly newsHref?: string | undefined
  readonly download: {
    /** The active filters as hidden fields, so that a plain GET form carries them. */
    readonly fields: readonly KeptField[]
    readonly countFiltered: string
    readonly countAll: string
    readonly includeFilters: boolean
  }
}

// ---- views/audit/news: GET /audit/news

export interface AuditNewsPage {
  readonly page: Page
  /** `12 new records`; absent where there is none. */
  readonly link?: Link | undefined
}

// ---- views/audit/show

/** Records that speak of the same thing. */
export interface RelatedRecords {
  readonly heading: string
  readonly empty: string
  readonly table: AuditTable
  readonly href?: string | undefined
}

export interface AuditRecordPage {
  readonly page: Page
  readonly recordId: string
  /** Empty for records that are no state. */
  readonly scope: 'session' | 'role' | ''
  readonly state?: StateName | undefined
  readonly outcome?: string | undefined
  readonly headline: string
  readonly at: Moment
  readonly backHref: string
  readonly newer?: string | undefined
  readonly older?: string | undefined
  readonly facts: readonly AuditFact[]
  readonly details: readonly AuditFact[]
  /** The canonical bytes as they were hashed, with control characters escaped visibly. */
  readonly canonical: string
  readonly related: readonly RelatedRecords[]
}

export interface AuditFact {
  readonly name: string
  readonly value: string
  readonly href?: string | undefined
}

// ---- views/audit/saved: GET, POST /audit/filters

export interface SavedFilterRow {
  readonly id: string
  readonly name: string
  readonly href: string
  readonly words: string
  readonly owner: string
  readonly shared: boolean
  readonly mine: boolean
  readonly changed: Moment
}

export interface SavedFiltersPage {
  readonly page: Page
  readonly rows: readonly SavedFilterRow[]
  readonly empty: Empty
  /** The filter that waits for its name. */
  readonly fresh?:
    | {
        readonly query: string
        readonly words: string
        readonly name: Field
        readonly shared: boolean
      }
    | undefined
  /** What was wrong with a change of one that stands in the list. */
  readonly wrong?: { readonly id: string; readonly text: string; readonly name: string } | undefined
}
