import type { PasswordState } from '../../db/passwords.ts'
import type { Person } from '../../db/people.ts'
import type { Shell } from '../shell.ts'
import { presentMaybe, presentMoment } from './moments.ts'
import { flagsOf } from './page.ts'
import type { AccountPage } from './password-pages.ts'
import { visible } from './visible.ts'

/** A person's own account, as they see it. */
export function presentAccount(
  { page, zones }: Shell,
  person: Person,
  { groups, state }: { groups: readonly string[]; state: PasswordState | undefined },
): AccountPage {
  return {
    page,
    username: visible(person.username),
    displayName: visible(person.displayName),
    email: visible(person.email ?? '-'),
    flags: flagsOf(person),
    groups: groups.map(visible),
    passwordChanged: presentMaybe(state?.changedAt ?? null, zones),
    added: presentMoment(person.createdAt, zones),
    actions: [
      { href: '/account/password', label: 'Change password' },
      { href: '/account/mfa', label: 'Second factors' },
      { href: '/account/tokens', label: 'API tokens' },
      { href: '/account/sign-ins', label: 'Sign-ins' },
    ],
    links: [],
  }
}
