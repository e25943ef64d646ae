/** What the views of second factors take. */
import type { Choice, Field, FieldError, Link, Moment, Page } from './pieces.ts'

// ---- views/mfa/proof: POST /sign-in/mfa, POST /step-up {code} or {passkey}

export interface ProofPage {
  readonly page: Page
  readonly heading: string
  readonly lead: string
  /** Where the form goes; what an authenticator is to sign comes from `<href>/challenge`. */
  readonly href: string
  readonly code: Field
  /** Absent where they have none, or no browser would take it here. */
  readonly passkey?: { readonly error?: string | undefined } | undefined
  readonly back: Link
}

// ---- views/mfa/own: GET /account/mfa, POST /account/mfa/passkeys {name, passkey}

export interface OwnFactorsPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  /** Said where nothing else is open before there is a factor. */
  readonly demand?: string | undefined
  readonly totp: { readonly added: Moment; readonly lastUsed: Moment } | undefined
  /** `Add an authenticator app`; absent where the organization allows none. */
  readonly totpLabel?: string | undefined
  readonly passkeys: readonly {
    readonly name: string
    readonly added: Moment
    readonly lastUsed: Moment | undefined
    readonly removalHref: string
  }[]
  readonly passkeyName: Field
  /** Why no passkey can be added here. */
  readonly passkeysOff?: string | undefined
  /** `8 of 10 are left`; absent where there is no factor that they could stand in for. */
  readonly codes?: string | undefined
  /** Where they were going. */
  readonly next?: Link | undefined
}

// ---- views/mfa/app: GET /account/mfa/totp, POST /account/mfa/totp/confirmation {code}

export interface TotpPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  /** The dark squares as one path, in a square of so many units. */
  readonly qr: { readonly size: number; readonly path: string }
  readonly secret: string
  readonly code: Field
}

// ---- views/mfa/codes: POST /account/mfa/recovery-codes, and after the first factor

export interface RecoveryCodesPage {
  readonly page: Page
  readonly lead: string
  readonly codes: readonly string[]
  readonly next: Link
}

// ---- views/mfa/settings: POST /settings/mfa {requiredFor, stepUp (repeated), totp, trustedRanges, trustedMode}

export interface MfaSettingsPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly requiredFor: readonly Choice[]
  readonly requiredForError?: string | undefined
  readonly stepUp: readonly Choice[]
  readonly totp: readonly Choice[]
  readonly trustedRanges: Field
  readonly trustedMode: readonly Choice[]
  /** The address that this page was asked from. */
  readonly address: string
}

// ---- views/mfa/user: POST /users/:id/mfa/reset {reason}

export interface UserFactorsPage {
  readonly page: Page
  readonly username: string
  readonly back: string
  readonly facts: readonly { readonly name: string; readonly value: string }[]
  /** Absent for who may not, for one's own, and where there is nothing to take away. */
  readonly resetHref?: string | undefined
  readonly errors: readonly FieldError[]
  readonly reason: Field
}
