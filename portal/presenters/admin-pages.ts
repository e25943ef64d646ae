/** What the administration views take: data sources and roles. */
import type { Action, Choice, Empty, Field, FieldError, Link, Moment, Page } from './pieces.ts'

/** One finding of preflight. */
export interface Check {
  readonly verdict: 'ok' | 'note' | 'warning' | 'refused'
  /** Its verdict in a word, so that no colour has to be seen. */
  readonly label: string
  readonly text: string
  /** Lines that mend it, when there are any. */
  readonly remedy?: string | undefined
}

/** How what was tested stands. */
export interface Health {
  readonly verdict: Check['verdict'] | 'untested'
  readonly text: string
}

// ---- views/data-sources/check: POST /data-sources/:id/check, POST /roles/:id/check

export interface CheckPage {
  readonly page: Page
  readonly id: string
  readonly heading: string
  readonly back: Link
  readonly asked: string
  /** When it was asked for. */
  readonly at: Moment
  readonly ended: Moment | undefined
  readonly health: Health
  /** Said where no broker seems to run. */
  readonly unattended?: string | undefined
  readonly findings: readonly Check[]
  /** Empty for who may not, and while it has not ended. */
  readonly again: readonly Action[]
  /** Where to look while it has not ended; the answer says so by `refresh` too. */
  readonly lookAgain?: string | undefined
}

// ---- views/data-sources/index

export interface DataSourceRow {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly databases: string
  readonly tls: string
  readonly roleCount: string
  /** What it asks of requests, for those who may change it. */
  readonly policyHref?: string | undefined
  readonly offered: boolean
  readonly health: Health
  /** When it was last tested, and the page of that test. */
  readonly test?: { readonly href: string; readonly text: string } | undefined
  readonly checks: readonly Check[]
  readonly actions: readonly Action[]
}

export interface DataSourcesPage {
  readonly page: Page
  readonly rows: readonly DataSourceRow[]
  readonly empty: Empty
  readonly freshHref?: string | undefined
}

// ---- views/data-sources/fresh: POST /data-sources
// {name, url, databases, tls, justificationPattern, justificationMessage}

export interface FreshDataSourcePage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly name: Field
  /** `value` never holds a password that was posted before. */
  readonly url: Field
  readonly databases: Field
  readonly tls: readonly Choice[]
  readonly tlsError?: string | undefined
  readonly justificationPattern: Field
  readonly justificationMessage: Field
}

// ---- views/roles/index

export interface RoleRow {
  readonly id: string
  readonly name: string
  readonly dataSource: string
  readonly databaseRole: string
  readonly approvers: string
  readonly needed: string
  readonly defaultTime: string
  readonly maximumTime: string
  /** Its terms, for those who may change them. */
  readonly policyHref?: string | undefined
  /** `dangerous`, `not offered`. */
  readonly flags: readonly string[]
  readonly warning?: string | undefined
  readonly health?: Health | undefined
  readonly test?: { readonly href: string; readonly text: string } | undefined
  readonly checks: readonly Check[]
  readonly actions: readonly Action[]
}

export interface RolesPage {
  readonly page: Page
  readonly rows: readonly RoleRow[]
  readonly empty: Empty
  readonly freshHref?: string | undefined
}

// ---- views/roles/fresh: POST /roles
// {name, dataSource, databaseRole, group, approvers (repeated), approvalsNeeded, defaultMinutes,
// maximumMinutes, description}. `groups` or `approvers` may be empty; what is empty is not asked.

export interface FreshRolePage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  /** Shown instead of the form when there is no data source yet. */
  readonly empty?: Empty | undefined
  readonly name: Field
  readonly description: Field
  readonly dataSources: readonly Choice[]
  readonly dataSourceError?: string | undefined
  readonly databaseRole: Field & { readonly known: readonly string[] }
  readonly groups: readonly Choice[]
  readonly groupError?: string | undefined
  readonly approvers: readonly Choice[]
  readonly approversError?: string | undefined
  readonly approvalsNeeded: Field
  readonly defaultMinutes: Field
  readonly maximumMinutes: Field
  readonly dangerous: readonly Choice[]
}
