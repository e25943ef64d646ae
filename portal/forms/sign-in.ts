import { PASSWORD_MOST } from '../passwords.ts'
import { fieldsOf } from './fields.ts'

export interface SignInForm {
  readonly username: string
  readonly password: string
  /** The name as a record may show it: printable, and no longer than a name can be. */
  readonly shownUsername: string
  /** A path of ours to go to afterwards. */
  readonly next: string
  /** False where nothing in the form could be anybody's name and password. */
  readonly complete: boolean
}

/** What the schema allows a username to be. */
const USERNAME_MOST = 63
const NOT_PRINTABLE = /[^\x20-\x7e]/g

/** Reads the sign-in form. What is counted, recorded and checked is one and the same name. */
export function readSignIn(body: unknown): SignInForm {
  const fields = fieldsOf(body)
  const username = fields.text('username')
  const password = fields.raw('password')
  return {
    username,
    password,
    shownUsername: username.replaceAll(NOT_PRINTABLE, '?').slice(0, USERNAME_MOST) || '-',
    next: localPath(fields.text('next')),
    complete:
      fields.list('username').length === 1 &&
      fields.list('password').length === 1 &&
      username !== '' &&
      username.length <= USERNAME_MOST &&
      username.search(NOT_PRINTABLE) === -1 &&
      password !== '' &&
      password.length <= PASSWORD_MOST,
  }
}

/**
 * A path on this site, or `/`. The text is resolved as a browser would: `//evil`, `/\evil` and a
 * tab in the middle of them all lead elsewhere.
 */
export function localPath(text: unknown): string {
  if (typeof text !== 'string' || !text.startsWith('/')) return '/'
  const base = 'http://local.invalid'
  if (!URL.canParse(text, base)) return '/'
  const url = new URL(text, base)
  if (url.origin !== base || url.pathname.startsWith('//')) return '/'
  // the pages of signing in lead here: who is signed in would go round in circles
  if (/^\/sign-in(?:\/|$)/.test(url.pathname)) return '/'
  return `${url.pathname}${url.search}`
}
