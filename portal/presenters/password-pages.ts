/** What the views about passwords take. */
import type { Action, Choice, Empty, Field, FieldError, Link, Moment, Page } from './pieces.ts'

// ---- views/password/fresh: a password is chosen {currentPassword, password, passwordAgain}

export interface FreshPasswordPage {
  readonly page: Page
  readonly heading: string
  readonly lead: string
  readonly errors: readonly FieldError[]
  /** Where it is posted. */
  readonly href: string
  /** For whom; password managers keep it with the password. */
  readonly username: string
  /** Asked of who is signed in. */
  readonly current?: Field | undefined
  readonly password: Field & { readonly hint: string }
  readonly again: Field
  readonly button: string
  readonly back?: Link | undefined
}

// ---- views/password/forgotten: POST /password/forgotten {name}

export interface ForgottenPasswordPage {
  readonly page: Page
  /** `ask`: the form; `sent`: the answer, the same for every name; `off`: there is no mail. */
  readonly state: 'ask' | 'sent' | 'off'
  readonly name: Field
}

// ---- views/password/worthless: a link that can't be used

export interface WorthlessLinkPage {
  readonly page: Page
  readonly next: Empty
}

// ---- views/password/first: POST /setup {username, displayName, email, password, passwordAgain}

export interface FirstAdminPage {
  readonly page: Page
  readonly errors: readonly FieldError[]
  readonly username: Field
  readonly displayName: Field
  readonly email: Field
  readonly password: Field & { readonly hint: string }
  readonly again: Field
}

// ---- views/account/show

export interface AccountPage {
  readonly page: Page
  readonly username: string
  readonly displayName: string
  readonly email: string
  readonly flags: readonly string[]
  readonly groups: readonly string[]
  /** Absent where nobody knows, or there is none. */
  readonly passwordChanged?: Moment | undefined
  readonly added: Moment
  readonly actions: readonly Link[]
  readonly links: readonly Link[]
}

// ---- views/users/password: POST /users/:id/password {password, mustChange}, POST /users/:id/password-link

export interface UserPasswordPage {
  readonly page: Page
  readonly username: string
  readonly displayName: string
  readonly backHref: string
  readonly standing: string
  readonly changed?: Moment | undefined
  readonly errors: readonly FieldError[]
  readonly set: {
    readonly href: string
    readonly password: Field & { readonly hint: string }
    readonly mustChange: readonly Choice[]
  }
  readonly link: {
    readonly heading: string
    readonly text: string
    /** Empty where no link would work. */
    readonly actions: readonly Action[]
  }
  readonly open: readonly OpenLinkRow[]
  /** A link that was just made and is shown this once. */
  readonly made?: { readonly url: string; readonly expires: Moment } | undefined
}

export interface OpenLinkRow {
  readonly purpose: string
  readonly madeBy: string
  readonly expires: Moment
}
