import type { SignIn } from '../../db/sign-in-lists.ts'
import type { SignInMethod } from '../../db/scope.ts'
import type { SignInEnd } from '../../db/sign-ins.ts'
import type { Tab } from './audit-pages.ts'
import { flagsOf } from './page.ts'

/** The page of sign-ins among the views of the Audit tab. */
export const SIGN_INS_TAB: Tab = { href: '/sign-ins', label: 'User sign-ins', current: false }

/** How somebody proved who they are, in words. */
export const METHODS: Readonly<Record<SignInMethod, string>> = {
  password: 'Password',
  oidc: 'OpenID Connect',
  saml: 'SAML',
  ldap: 'Directory (LDAP)',
}

const ENDS: Readonly<Record<SignInEnd, string>> = {
  signed_out: 'signed out',
  expired: 'expired',
  terminated: 'terminated',
  locked: 'terminated and locked',
  disabled: 'ended with the account',
  deleted: 'ended with the account',
  password_changed: 'ended as the password changed',
}

/** `active`, or how it ended. */
export function stateText({ endedAs }: Pick<SignIn, 'endedAs'>): string {
  return endedAs === null ? 'active' : ENDS[endedAs]
}

/** What the person may do, in the words of the Users tab. */
export function privilegesOf(person: SignIn['person']): string[] {
  const flags = flagsOf(person)
  return flags.length === 0 ? ['Portal User'] : flags
}
