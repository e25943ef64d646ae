import type { AuditSearchPage } from '../../db/audit-search.ts'
import type { SignIn } from '../../db/sign-in-lists.ts'
import { placeText } from '../forms/audit-cursor.ts'
import { presentTable } from './audit.ts'
import { queryText, type Pair } from './audit-query.ts'
import type { RowFrame } from './audit-rows.ts'
import type { ColumnName } from './audit-views.ts'
import { presentMoment, type Zones } from './moments.ts'
import type { Action } from './pieces.ts'
import type { SignInDetails, SignInFact, SignInOperations } from './sign-in-pages.ts'
import { METHODS, privilegesOf, stateText } from './sign-in-words.ts'
import { visible } from './visible.ts'

/** What a record of a sign-in is listed with: who and from where stand above. */
export const OPERATION_COLUMNS: readonly ColumnName[] = [
  'at',
  'action',
  'area',
  'subject',
  'session',
  'details',
  'reason',
]

/** What the details of a sign-in are drawn from. */
export interface SignInDetailFacts {
  readonly signIn: SignIn
  readonly zones: Zones
  /** Of the list, which every link keeps. */
  readonly pairs: readonly Pair[]
  readonly mayOpenUser: boolean
  /** A reader who may end sign-ins: what keeps them from ending this one, or from locking its person. */
  readonly ending?:
    { readonly notEnded: string | undefined; readonly notLocked: string | undefined } | undefined
  /** Absent for who may not read the trail. */
  readonly operations?: OperationFacts | undefined
}

/** What was done in it, as far as the reader asked. */
export interface OperationFacts {
  readonly found: AuditSearchPage
  readonly frame: RowFrame
  readonly q: string
  readonly mistake: string | undefined
  /** How many stand before this page. */
  readonly position: number
}

/** The right pane: who, from where, how long, how it ended, and what was done in it. */
export function presentSignIn(facts: SignInDetailFacts): SignInDetails {
  const { signIn, ending, operations } = facts
  const { id, person, isActive } = signIn
  return {
    id,
    href: `/sign-ins/${id}`,
    heading: visible(person.displayName),
    active: isActive,
    state: stateText(signIn),
    facts: factsOf(facts),
    actions: ending === undefined ? [] : actionsOf(signIn, ending),
    notEnded: isActive ? ending?.notEnded : undefined,
    unlock:
      person.isLocked && facts.mayOpenUser
        ? { href: `/users/${person.id}`, label: 'Unlock in the Users tab' }
        : undefined,
    operations: operations && presentOperations(facts, operations),
    noOperations:
      operations === undefined
        ? 'What was done in this sign-in stands in the audit trail, which Audit Users read.'
        : undefined,
  }
}

function factsOf({ signIn, zones, mayOpenUser }: SignInDetailFacts): SignInFact[] {
  const { person, endedAt } = signIn
  const known = (value: string | null): string =>
    value === null || value === '' ? 'not known' : visible(value)
  return [
    {
      name: 'Username',
      value: person.username,
      href: mayOpenUser ? `/users/${person.id}` : undefined,
    },
    { name: 'Role', value: privilegesOf(person).join(', ') },
    { name: 'E-mail', value: known(person.email) },
    { name: 'IP address', value: known(signIn.clientIp) },
    { name: 'Host name', value: known(signIn.host) },
    { name: 'Browser', value: known(signIn.userAgent) },
    { name: 'Method', value: METHODS[signIn.authMethod] },
    { name: 'Signed in', value: '', moment: presentMoment(signIn.startedAt, zones) },
    { name: 'Last seen', value: '', moment: presentMoment(signIn.lastSeenAt, zones) },
    endedAt === null
      ? { name: 'Ends', value: '', moment: presentMoment(signIn.expiresAt, zones) }
      : { name: 'Ended', value: '', moment: presentMoment(endedAt, zones) },
    ...endingOf(signIn),
  ]
}

function endingOf({ endedAs, endedBy, endReason, person }: SignIn): SignInFact[] {
  if (endedAs === null) return []
  const by = endedBy === null || endedBy.id === person.id ? '' : ` by ${visible(endedBy.name)}`
  return [
    { name: 'How', value: `${stateText({ endedAs })}${by}` },
    ...(endReason === null ? [] : [{ name: 'Reason', value: visible(endReason) }]),
  ]
}

function actionsOf(
  { id, person, isActive }: SignIn,
  { notEnded, notLocked }: NonNullable<SignInDetailFacts['ending']>,
): Action[] {
  if (!isActive) return []
  const name = visible(person.displayName)
  const terminate: Action = {
    href: `/sign-ins/${id}/termination`,
    label: 'Terminate',
    tone: 'danger',
    needsReason: true,
    confirm: 'Terminate this sign-in',
    hint: `Ends this sign-in alone. ${name} may sign in again, and their other sign-ins go on.`,
  }
  const lock: Action = {
    ...terminate,
    label: 'Terminate and Lock',
    confirm: `Terminate all and lock ${name}`,
    hint: `Ends all sign-ins of ${name}, their tokens and their granted sessions, and lets nobody in with this account until an admin unlocks it in the Users tab.`,
    fields: [{ name: 'lock', value: 'true' }],
  }
  return [
    ...(notEnded === undefined ? [terminate] : []),
    ...(notLocked === undefined ? [lock] : []),
  ]
}

function presentOperations(
  { signIn, pairs }: SignInDetailFacts,
  { found, frame, q, mistake, position }: OperationFacts,
): SignInOperations {
  const search = q === '' ? [] : [{ name: 'op', value: q }]
  const href = (more: readonly Pair[]): string =>
    `/sign-ins/${signIn.id}?${queryText([...pairs, ...more])}#operations`
  const last = position + found.records.length
  const older = found.next && placeText({ ...found.next, position: last })
  return {
    table: presentTable('What was done in this sign-in', found.records, {
      frame,
      query: `?zone=${encodeURIComponent(frame.choice)}`,
    }),
    search: { value: q, error: mistake },
    kept: pairs,
    clearHref: q === '' ? undefined : href([]),
    empty:
      q === ''
        ? 'Nothing was done in this sign-in yet.'
        : `“${visible(q)}” stands in no record of this sign-in.`,
    pager: {
      newest: position === 0 ? undefined : href(search),
      older: older === undefined ? undefined : href([...search, { name: 'opAfter', value: older }]),
      text:
        found.records.length === 0
          ? 'No records'
          : `Records ${position + 1} to ${last}${older === undefined ? `, the last of them` : ''}`,
    },
  }
}
