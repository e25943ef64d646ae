/** What the views of tokens and applications take. */
import type { AuditTable, KeptField, Tab } from './audit-pages.ts'
import type {
  Action,
  Choice,
  Empty,
  Field,
  FieldError,
  Link,
  Moment,
  Page,
  Pager,
} from './pieces.ts'

/** One token in a list; its secret is nowhere. */
export interface TokenRow {
  readonly id: string
  readonly name: string
  /** `daypass_aB3d…x9Yz`. */
  readonly secret: string
  readonly scopes: readonly string[]
  readonly state: { readonly name: 'ok' | 'warning' | 'disabled'; readonly text: string }
  readonly created: Moment
  readonly createdBy: string
  readonly expires?: Moment | undefined
  readonly lastUsed?: Moment | undefined
  readonly lastUsedIp: string
  readonly ended?: Moment | undefined
  readonly endedBy: string
  readonly actions: readonly Action[]
}

/** The form of a new token: {name, scopes (repeated), expiresInDays}. */
export interface TokenForm {
  readonly href: string
  readonly name: Field
  readonly scopes: readonly Choice[]
  readonly scopesError?: string | undefined
  readonly expiresInDays: Field & { readonly hint: string }
}

/** Shown once, in the answer that made it. */
export interface ShownSecret {
  readonly name: string
  readonly secret: string
  readonly expires?: Moment | undefined
}

// ---- views/tokens/index: GET, POST /account/tokens; GET /users/:id/tokens

export interface TokensPage {
  readonly page: Page
  readonly trail: Link
  readonly heading: string
  readonly lead: string
  readonly errors: readonly FieldError[]
  readonly shown?: ShownSecret | undefined
  readonly rows: readonly TokenRow[]
  readonly empty: Empty
  /** Absent for a list of somebody else's. */
  readonly form?: TokenForm | undefined
}

// ---- views/applications/index: GET /applications

export interface ApplicationRow {
  readonly id: string
  readonly href: string
  readonly username: string
  readonly displayName: string
  readonly owner: string
  readonly flags: readonly string[]
  readonly tokens: string
  readonly status: { readonly name: 'ok' | 'locked' | 'disabled'; readonly text: string }
  readonly lastUsed?: Moment | undefined
}

export interface ApplicationsPage {
  readonly page: Page
  readonly rows: readonly ApplicationRow[]
  readonly empty: Empty
  readonly freshHref?: string | undefined
  readonly auditHref?: string | undefined
}

/** {username, displayName, purpose, owner, flags (repeated), managementPrivilege}; no username where it is there. */
export interface ApplicationForm {
  readonly href: string
  readonly username?: Field | undefined
  readonly displayName: Field
  readonly purpose: Field
  readonly owner: Field
  readonly flags: readonly Choice[]
  readonly privileges: readonly Choice[]
}

// ---- views/applications/fresh: POST /applications

export interface FreshApplicationPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly form: ApplicationForm
}

// ---- views/applications/show: GET, POST /applications/:id, POST /applications/:id/tokens

export interface ApplicationPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly application: ApplicationRow
  readonly purpose: string
  readonly created: Moment
  readonly createdBy: string
  readonly shown?: ShownSecret | undefined
  readonly rows: readonly TokenRow[]
  readonly empty: Empty
  readonly tokenForm?: TokenForm | undefined
  readonly form?: ApplicationForm | undefined
  readonly actions: readonly Action[]
  readonly links: readonly Link[]
}

// ---- views/applications/audit: GET /audit/applications

export interface ApplicationsAuditPage {
  readonly page: Page
  readonly views: readonly Tab[]
  /** Every application, those that have ended too; one of them is chosen. */
  readonly applications: readonly (Tab & { readonly note: string })[]
  readonly heading: string
  /** Back to all of them, where one was asked for and the window is narrow. */
  readonly listHref?: string | undefined
  readonly wrong: readonly string[]
  readonly filters: {
    readonly kept: readonly KeptField[]
    readonly fields: Readonly<Record<'since' | 'until' | 'action' | 'q', Field>>
  }
  readonly chips: readonly Link[]
  readonly clearHref?: string | undefined
  readonly table: AuditTable
  readonly empty: Empty
  readonly pager: Pager
  /** The same selection in the Audit tab, and as a file. */
  readonly links: readonly Link[]
}
