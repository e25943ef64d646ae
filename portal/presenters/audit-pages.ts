/** What views/audit/index and views/audit/show take. */
import type { Choice, Empty, Field, Moment, Page, Pager, StateName, ZoneChoice } from './pieces.ts'

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

/** The cells, in the order of CONTRACT.md's headings, as the record was written. */
export interface AuditRow {
  readonly recordId: string
  readonly href: string
  /** Empty for records that are no state. */
  readonly scope: 'session' | 'role' | ''
  readonly at: Moment
  readonly sessionId: string
  readonly peek?: SessionPeek | undefined
  /** The state reached; absent for records that are no state, which then show `action`. */
  readonly state?: StateName | undefined
  readonly action: string
  readonly actor: string
  readonly requester: string
  readonly roles: string
  readonly username: string
  readonly start?: Moment | undefined
  readonly end?: Moment | undefined
  readonly dataSource: string
  readonly reason: string
  readonly clientIp: string
}

/** The fields of the filter form; `state`, `scope`, `view` and `zone` are choices beside them. */
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
  | 'reason'
  | 'clientIp'
  | 'q'

export interface AuditPage {
  readonly page: Page
  /** Filled even when a field is wrong, so that nothing typed is lost. */
  readonly filter: Readonly<Record<AuditFilterName, Field>>
  /** Field `state`, repeated; each with its count. */
  readonly states: readonly Choice[]
  /** Field `scope`: all, session, role. */
  readonly scopes: readonly Choice[]
  /** Field `view`: sessions, all. */
  readonly views: readonly Choice[]
  readonly zones: readonly ZoneChoice[]
  /** Active filters; `href` is this page without that one. */
  readonly chips: readonly { readonly label: string; readonly href: string }[]
  readonly clearHref?: string | undefined
  /** The filters panel starts open, because a field is wrong or the person left it so. */
  readonly filtersOpen: boolean
  /** The zone's suffix for the three time columns: `UTC +1`. */
  readonly zoneSuffix: string
  readonly rows: readonly AuditRow[]
  readonly empty: Empty
  readonly count: string
  readonly pager: Pager
  readonly download: {
    /** The active filters as hidden fields, so that a plain GET form carries them. */
    readonly fields: readonly { readonly name: string; readonly value: string }[]
    readonly countFiltered: string
    readonly countAll: string
    readonly includeFilters: boolean
  }
}

// ---- views/audit/show

export interface AuditRecordPage {
  readonly page: Page
  readonly recordId: string
  /** Empty for records that are no state. */
  readonly scope: 'session' | 'role' | ''
  readonly state?: StateName | undefined
  readonly headline: string
  readonly at: Moment
  readonly facts: readonly {
    readonly name: string
    readonly value: string
    readonly href?: string | undefined
  }[]
  /** The canonical bytes as they were hashed, with control characters escaped visibly. */
  readonly canonical: string
  readonly related: readonly AuditRow[]
  readonly relatedHref?: string | undefined
  readonly zoneSuffix: string
}
