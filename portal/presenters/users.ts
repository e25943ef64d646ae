import type { Person } from '../../db/people.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import { PASSWORD_HINT } from '../password-strength.ts'
import type { Shell } from '../shell.ts'
import { fieldReader, type Posted } from './administration.ts'
import { presentMaybe, type Zones } from './moments.ts'
import { flagsOf } from './page.ts'
import type { Choice } from './pieces.ts'
import type { FreshUserPage, UserRow, UserStatusTag } from './user-pages.ts'
import { visible } from './visible.ts'

/** A person as the list of users shows them. */
export function presentUser(person: Person, zones: Zones): UserRow {
  return {
    id: person.id,
    href: `/users/${person.id}`,
    username: visible(person.username),
    displayName: visible(person.displayName),
    email: visible(person.email ?? '-'),
    flags: [
      ...flagsOf(person),
      ...(person.mayEndSignIns ? ['End sign-ins'] : []),
      ...(person.portalUser ? [] : ['no Portal User']),
    ],
    status: statusOf(person),
    lastSignIn: presentMaybe(person.lastSignInAt, zones),
    expires: presentMaybe(person.expiresAt, zones),
  }
}

/** How an account stands, in a word. */
export function statusOf({ outAs }: Person): UserStatusTag {
  if (outAs === null) return { name: 'ok', text: 'active' }
  return { name: outAs === 'locked' ? 'locked' : 'disabled', text: outAs }
}

/** The form of a new user; a posted password is not shown again. */
export function presentFreshUser({ page }: Shell, posted: Posted): FreshUserPage {
  const field = fieldReader(posted)
  const fields = fieldsOf(posted.body)
  const ticked = posted.body === undefined ? ['portal'] : fields.list('flags')
  return {
    page,
    errors: summaryOf(posted.mistakes),
    username: field('username'),
    displayName: field('displayName'),
    email: field('email'),
    password: {
      value: '',
      error: posted.mistakes['password'],
      hint: `${PASSWORD_HINT} Leave it empty to invite the user by a link.`,
    },
    flags: flagChoices(ticked),
    privileges: privilegeChoices(fields.text('managementPrivilege')),
  }
}

/** The flags as boxes to tick. */
export function flagChoices(ticked: readonly string[]): Choice[] {
  return [
    {
      value: 'portal',
      label: 'Portal User',
      chosen: ticked.includes('portal'),
      hint: 'may sign in here; without it, tokens of the API work still',
    },
    {
      value: 'audit',
      label: 'Audit User',
      chosen: ticked.includes('audit'),
      hint: 'reads the Audit tab and every recording',
    },
    {
      value: 'end_sign_ins',
      label: 'End sign-ins',
      chosen: ticked.includes('end_sign_ins'),
      hint: "sees who is signed in and ends other people's sign-ins",
    },
  ]
}

/** Management Privilege: one of three. */
export function privilegeChoices(chosen: string): Choice[] {
  const isChosen = (value: string): boolean => (chosen === '' ? 'none' : chosen) === value
  return [
    { value: 'none', label: 'None', chosen: isChosen('none'), hint: 'manages nothing' },
    {
      value: 'read_only',
      label: 'Read only',
      chosen: isChosen('read_only'),
      hint: 'sees data sources, roles and users, and changes nothing',
    },
    {
      value: 'admin',
      label: 'Admin',
      chosen: isChosen('admin'),
      hint: 'changes data sources, roles and users, and terminates sessions',
    },
  ]
}

/** The boxes that are ticked for a person. */
export function tickedOf({ portalUser, auditUser, mayEndSignIns }: Person): string[] {
  return [
    ...(portalUser ? ['portal'] : []),
    ...(auditUser ? ['audit'] : []),
    ...(mayEndSignIns ? ['end_sign_ins'] : []),
  ]
}
