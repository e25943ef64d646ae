/** What the views of the Users tab take. */
import type { WarningLine } from './policy-pages.ts'
import type {
  Action,
  Choice,
  Empty,
  Field,
  FieldError,
  Link,
  Moment,
  NavItem,
  Page,
} from './pieces.ts'

/** How an account stands, in a word. */
export interface UserStatusTag {
  readonly name: 'ok' | 'warning' | 'locked' | 'disabled'
  readonly text: string
}

export interface UserRow {
  readonly id: string
  readonly href: string
  readonly username: string
  readonly displayName: string
  readonly email: string
  readonly flags: readonly string[]
  readonly status: UserStatusTag
  readonly lastSignIn?: Moment | undefined
  readonly expires?: Moment | undefined
}

// ---- views/users/index: GET /users?q=&status=&page=

export interface UsersPage {
  readonly page: Page
  /** `7 users`, `Users 201 to 400 of 1,204`. */
  readonly countText: string
  readonly rows: readonly (UserRow & {
    /** Duties that this person should not hold together; the rest stands on their page. */
    readonly duty?:
      | { readonly severity: 'warning' | 'info'; readonly text: string; readonly more: string }
      | undefined
  })[]
  readonly empty: Empty
  readonly views: readonly NavItem[]
  readonly search: {
    readonly q: string
    /** Kept while searching. */
    readonly status: string
    readonly clearHref?: string | undefined
  }
  readonly pager?:
    | {
        readonly text: string
        readonly previous?: string | undefined
        readonly next?: string | undefined
      }
    | undefined
  readonly duties: { readonly href: string; readonly text: string; readonly warns: boolean }
  readonly freshHref?: string | undefined
}

// ---- views/users/duties

export interface DutiesPage {
  readonly page: Page
  readonly rows: readonly {
    readonly href: string
    readonly username: string
    readonly severity: 'warning' | 'info'
    readonly text: string
  }[]
  readonly empty: Empty
}

// ---- views/users/fresh: POST /users {username, displayName, email, password, flags (repeated), managementPrivilege}

export interface FreshUserPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly username: Field
  readonly displayName: Field
  readonly email: Field
  readonly password: Field & { readonly hint: string }
  /** `Portal User`, `Audit User`, `End sign-ins`; each hint says what it opens. */
  readonly flags: readonly Choice[]
  readonly privileges: readonly Choice[]
}

// ---- views/users/show: POST /users/:id {username, displayName, email, expiresAt},
// /users/:id/flags {flags (repeated), managementPrivilege}, /users/:id/groups {groups (repeated)},
// and whatever `actions` name

export interface UserPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly user: UserRow
  /** Since when they are out. */
  readonly since?: Moment | undefined
  readonly facts: readonly { readonly name: string; readonly value: string }[]
  readonly duties: readonly WarningLine[]
  /** Why the reader may change less here than elsewhere. */
  readonly note?: string | undefined
  /** Absent when the reader may not change it. */
  readonly accountForm?: AccountForm | undefined
  readonly flagsForm?:
    | {
        readonly href: string
        readonly flags: readonly Choice[]
        readonly privileges: readonly Choice[]
      }
    | undefined
  readonly groupsForm?:
    | { readonly href: string; readonly version: string; readonly groups: readonly Choice[] }
    | undefined
  readonly groups: readonly string[]
  readonly actions: readonly Action[]
  readonly deletionHref?: string | undefined
  readonly auditHref?: string | undefined
  readonly links: readonly Link[]
}

export interface AccountForm {
  readonly href: string
  readonly username: Field
  readonly displayName: Field
  readonly email: Field
  /** Absent for one's own account. */
  readonly expiresAt?: (Field & { readonly hint: string }) | undefined
}

// ---- views/users/deletion: POST /users/:id/deletion {confirmation, reason}

export interface UserDeletionPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly href: string
  readonly backHref: string
  readonly username: string
  readonly displayName: string
  /** What the deletion does, a sentence each. */
  readonly effects: readonly string[]
  readonly confirmation: Field & { readonly hint: string }
  readonly reason: Field
}
