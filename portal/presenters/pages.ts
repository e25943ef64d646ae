/**
 * What each view takes: the one object it sees as `v`. Everything here is ready to print: zones
 * applied, plurals chosen, links built, rights already asked. A view only loops and chooses.
 *
 * Optional fields also accept undefined, so that a presenter can write `error: errors.name`.
 */
import type { Link, Page } from './pieces.ts'

export * from './pieces.ts'
export * from './session-pages.ts'
export * from './approval-pages.ts'
export * from './recording-pages.ts'
export * from './audit-pages.ts'
export * from './admin-pages.ts'
export * from './user-import-pages.ts'
export * from './user-pages.ts'
export * from './policy-pages.ts'
export * from './alert-pages.ts'
export * from './task-pages.ts'
export * from './sign-in-pages.ts'
export * from './password-pages.ts'
export * from './token-pages.ts'
export * from './mfa-pages.ts'

// ---- views/sign-in/fresh: POST /sign-in {username, password, next}

export interface SignInPage {
  readonly page: Page
  readonly username: string
  readonly error?: string | undefined
  /** A path of ours to go to afterwards, already checked. */
  readonly next: string
  readonly demo?:
    | {
        readonly accounts: readonly {
          readonly username: string
          readonly password: string
          readonly does: string
        }[]
      }
    | undefined
}

// ---- views/error

export interface ErrorPage {
  readonly page: Page
  readonly status: number
  readonly heading: string
  readonly sentence: string
  /** What the reader had written in the form that failed. */
  readonly typed?: string | undefined
  readonly next: readonly Link[]
  /** The correlation id of the log line, for 5xx. */
  readonly reference?: string | undefined
}
