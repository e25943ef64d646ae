import { DateTime } from 'luxon'
import type { Duty } from '../../broker/policy/duties.ts'
import type { Group } from '../../db/groups.ts'
import type { Person } from '../../db/people.ts'
import type { PersonScope } from '../../db/scope.ts'
import { expiryText } from '../forms/user-change.ts'
import { summaryOf } from '../forms/fields.ts'
import { mayAdminister, mayAudit } from '../privileges.ts'
import type { Shell } from '../shell.ts'
import { choice, fieldReader, type Posted } from './administration.ts'
import { counted } from './counted.ts'
import { presentMaybe, presentMoment } from './moments.ts'
import type { Action } from './pieces.ts'
import type { AccountForm, UserDeletionPage, UserPage } from './user-pages.ts'
import { flagChoices, presentUser, privilegeChoices, tickedOf } from './users.ts'
import { visible } from './visible.ts'
import { zoneText } from './zones.ts'

/** A person with what stands around them. */
export interface ProfileFacts {
  readonly person: Person
  readonly groups: readonly Group[]
  readonly duties: readonly Duty[]
  /** Of the policy, which the groups are a part of. */
  readonly version: number
}

/** The page of one user: what they are called, what they may do, and their way in. */
export function presentProfile(
  { page, zones }: Shell,
  scope: PersonScope,
  facts: ProfileFacts,
  posted: Posted,
): UserPage {
  const { person, groups, duties } = facts
  const isOwn = person.id === scope.person.id
  const isThere = person.deletedAt === null
  const may = mayAdminister(scope) && isThere
  const href = `/users/${person.id}`
  const isMember = ({ members }: Group): boolean => members.some(({ id }) => id === person.id)
  return {
    page,
    errors: summaryOf(posted.mistakes),
    user: presentUser(person, zones),
    since: presentMaybe(person.disabledAt, zones),
    facts: [{ name: 'Added', value: presentMoment(person.createdAt, zones).text }],
    duties: duties
      .filter((duty) => duty.person.id === person.id)
      .map(({ severity, sentence }) => ({ severity, text: visible(sentence), mend: undefined })),
    note:
      may && isOwn
        ? 'This is your own account: privileges, groups, expiration and the way in are changed by another admin.'
        : undefined,
    accountForm: may ? accountForm(facts, { isOwn, zone: zones.central }, posted) : undefined,
    flagsForm:
      may && !isOwn
        ? {
            href: `${href}/flags`,
            flags: flagChoices(tickedOf(person)),
            privileges: privilegeChoices(person.managementPrivilege),
          }
        : undefined,
    groupsForm:
      may && !isOwn && groups.length > 0
        ? {
            href: `${href}/groups`,
            version: String(facts.version),
            groups: groups.map((group) => ({
              ...choice(group.id, isMember(group)),
              label: visible(group.name),
              hint: visible(group.description),
            })),
          }
        : undefined,
    groups: groups.filter(isMember).map(({ name }) => visible(name)),
    actions: may && !isOwn ? actionsOn(person) : [],
    deletionHref: may && !isOwn ? `${href}/deletion` : undefined,
    auditHref: mayAudit(scope)
      ? `/audit?view=all&actor=${encodeURIComponent(person.username)}`
      : undefined,
    links: [
      ...(may && !isOwn ? [{ href: `${href}/password`, label: 'Password' }] : []),
      ...(person.deletedAt === null ? [{ href: `${href}/mfa`, label: 'Second factors' }] : []),
      { href: `${href}/tokens`, label: 'API tokens' },
    ],
  }
}

/** What a deletion does, to be read and confirmed. */
export function presentDeletion(
  { page }: Shell,
  { person, groups, tokens, sessions }: DeletionFacts,
  posted: Posted,
): UserDeletionPage {
  const { id, username } = person
  const field = fieldReader(posted)
  const memberOf = groups.filter(({ members }) => members.some((member) => member.id === id))
  const names = memberOf.map(({ name }) => visible(name)).join(', ')
  return {
    page,
    errors: summaryOf(posted.mistakes),
    href: `/users/${id}/deletion`,
    backHref: `/users/${id}`,
    username: visible(username),
    displayName: visible(person.displayName),
    effects: [
      `Sign-ins end at once, and ${tokens === 0 ? 'there are no API tokens' : `${counted(tokens, 'API token')} for good`}.`,
      sessions === 0
        ? 'Nothing they asked for is under way.'
        : `${counted(sessions, 'session')} under way or waiting: canceled or terminated within two seconds.`,
      names === '' ? 'They belong to no approver group.' : `They leave ${names}.`,
      'Password, e-mail address and second factors are erased; the username is free again.',
      'What they did stays in the trail and in the session history, under this name.',
    ],
    confirmation: {
      ...field('confirmation'),
      hint: `Type ${visible(username)} to confirm.`,
    },
    reason: field('reason'),
  }
}

/** What ends with an account. */
export interface DeletionFacts {
  readonly person: Person
  readonly groups: readonly Group[]
  readonly tokens: number
  readonly sessions: number
}

function accountForm(
  { person }: ProfileFacts,
  { isOwn, zone }: { readonly isOwn: boolean; readonly zone: string },
  posted: Posted,
): AccountForm {
  const field = fieldReader(posted)
  const hint = `In ${zoneText(zone, DateTime.utc())}: 2027-03-31, which ends with that day, or 2027-03-31 18:00. Empty: never.`
  return {
    href: `/users/${person.id}`,
    username: field('username', person.username),
    displayName: field('displayName', person.displayName),
    email: field('email', person.email ?? ''),
    expiresAt: isOwn
      ? undefined
      : { ...field('expiresAt', expiryText(person.expiresAt, zone)), hint },
  }
}

const DISABLING =
  'Ends sign-ins and granted sessions within two seconds, tokens for good, and cancels what waits for approval.'

function actionsOn({ id, outAs }: Person): Action[] {
  const href = `/users/${id}`
  const lock = { href: `${href}/lock`, label: 'Lock', tone: 'danger' } as const
  const unlock = { href: `${href}/unlock`, label: 'Unlock', tone: 'plain' } as const
  const enable = { href: `${href}/enable`, label: 'Enable', tone: 'plain' } as const
  const disable = {
    href: `${href}/disable`,
    label: 'Disable',
    tone: 'danger',
    needsReason: true,
    hint: DISABLING,
  } as const
  if (outAs === null) return [lock, disable]
  if (outAs === 'locked') return [unlock, disable]
  // a later expiration date lets in who has expired
  return outAs === 'disabled' ? [enable] : [disable]
}
