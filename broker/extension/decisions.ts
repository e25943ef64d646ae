import { DateTime } from 'luxon'
import {
  closeExtension,
  decideExtensionRole,
  insertExtensionApproval,
  moveEnd,
  reopenExtensionRole,
} from '../../db/extension-changes.ts'
import { findExtension, type Extension } from '../../db/extensions.ts'
import { notify } from '../../db/notices.ts'
import { systemOrigin, type Origin, type PersonScope } from '../../db/scope.ts'
import { putJob } from '../../db/session-jobs.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import { iso, type Store, type Transaction } from '../../db/store.ts'
import { announceExtensionDecided } from '../letters/announce.ts'
import { Refused } from '../errors.ts'
import { refuseUnlendable } from './lending.ts'
import { recordExtension, type ExtensionEvent } from './records.ts'
import { extendedSession } from './session.ts'
import { checkText, refuseOverdue, requireReason } from '../sessions/lifecycle.ts'
import { BROKER, getSession, takeSession, type Taken } from '../sessions/moves.ts'
import { refuseSecondHand } from '../policy/hands.ts'
import { hasVoted, isEntitled, votesFor } from '../policy/policy.ts'
import { AUTO_APPROVER } from '../sessions/request.ts'

/** An extension under the row lock of its session. */
interface TakenExtension extends Taken {
  readonly extension: Extension
}

interface Context {
  readonly origin: Origin
  readonly at: DateTime<true>
}

/**
 * Votes for every role of an extension that this person may approve. Errors: `not_found`,
 * `own_request`, `not_entitled`, `already_decided`, `state_changed`, `invalid_request`.
 */
export async function approveExtension(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: string,
  command: { readonly comment?: string | undefined } = {},
): Promise<Extension> {
  const comment = checkText('comment', command.comment)
  return store.change(async (tx) => {
    const taken = await takeExtension(tx, scope, id)
    const { session, at } = taken
    const voted = await rolesToDecide(tx, taken, scope)
    await refuseUnlendable(tx, taken)
    for (const { id: roleId } of voted) {
      await insertExtensionApproval(tx, {
        extensionId: id,
        roleId,
        person: scope.person,
        comment: comment ?? '',
        at,
      })
    }
    const extension = await getExtension(tx, id)
    const names = new Set(voted.map(({ name }) => name))
    for (const role of extension.roles.filter(({ name }) => names.has(name))) {
      await recordVote(tx, { session, extension }, { origin, at, role, comment })
    }
    return settle(tx, { session, extension }, { origin, at })
  })
}

/** Denies an extension; the session goes on to its old end. Errors: as approveExtension, and `reason_required`. */
export async function denyExtension(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: string,
  command: { readonly reason: string },
): Promise<Extension> {
  const reason = requireReason(command.reason)
  return store.change(async (tx) => {
    const taken = await takeExtension(tx, scope, id)
    const { session, extension, at } = taken
    const roles = await rolesToDecide(tx, taken, scope)
    for (const { id: roleId } of roles) {
      await decideExtensionRole(tx, { extensionId: id, roleId, state: 'DENIED', at })
    }
    await closeExtension(tx, { id, state: 'DENIED', at, reason })
    const details = { roles: roles.map(({ name }) => name).join(', ') }
    const told = { session: extendedSession(session), extension }
    const event = { action: 'session.extension_denied', reason, details } as const
    await recordExtension(tx, { origin, at }, told, event)
    return announced(tx, session, await getExtension(tx, id), { origin, at })
  })
}

/** Takes one's own request for more time back. Errors: `not_found`, `not_entitled`, `already_decided`, `state_changed`. */
export async function cancelExtension(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: string,
): Promise<Extension> {
  return store.change(async (tx) => {
    const taken = await takeExtension(tx, scope, id)
    const { session, extension, at } = taken
    if (extension.requesterId !== scope.person.id) {
      const { username } = session.requester
      throw new Refused('not_entitled', `Only ${username}, who asked for it, may take it back.`)
    }
    refuseClosed(taken)
    await closeExtension(tx, { id, state: 'CANCELED', at })
    const told = { session: extendedSession(session), extension }
    const event: ExtensionEvent = { action: 'session.extension_canceled' }
    await recordExtension(tx, { origin, at }, told, event)
    return getExtension(tx, id)
  })
}

/** The roles of an extension that this person may approve or deny now. */
export function mayDecideExtension(
  { state, requesterId, roles }: Extension,
  person: { readonly id: string },
): readonly SessionRole[] {
  if (state !== 'CREATED' || requesterId === person.id) return []
  return roles.filter(
    (role) => role.state === 'PENDING' && isEntitled(role, person) && !hasVoted(role, person),
  )
}

/** Approves at once what needs nobody's approval, in the name of the system. */
export async function approveByPolicy(
  tx: Transaction,
  { session, extension }: { readonly session: Session; readonly extension: Extension },
  { origin, at }: Context,
): Promise<Extension> {
  const system = systemOrigin(origin.organization, origin.correlationId, AUTO_APPROVER)
  for (const role of extension.roles.filter(({ needed }) => needed === 0)) {
    await recordVote(tx, { session, extension }, { origin: system, at, role })
  }
  return settle(tx, { session, extension }, { origin: system, at })
}

/**
 * Approves the roles that have all their votes, and moves the end once every role is approved by
 * votes that count at this moment: a role whose voter has left meanwhile waits for another one.
 */
async function settle(
  tx: Transaction,
  { session, extension }: { readonly session: Session; readonly extension: Extension },
  { origin, at }: Context,
): Promise<Extension> {
  const { id } = extension
  const complete = extension.roles.filter((role) => votesFor(role) >= role.needed)
  for (const { id: roleId } of complete) {
    await decideExtensionRole(tx, { extensionId: id, roleId, state: 'APPROVED', at })
  }
  for (const { id: roleId } of lapsedRoles(extension)) {
    await reopenExtensionRole(tx, { extensionId: id, roleId })
  }
  if (complete.length < extension.roles.length) return getExtension(tx, id)
  await closeExtension(tx, { id, state: 'APPROVED', at })
  if (!(await moveEnd(tx, extension, at))) {
    throw new Refused('state_changed', `Session ${session.id} has another end by now.`)
  }
  const after = extendedSession(await getSession(tx, session.id))
  const told = { session: after, extension }
  await recordExtension(tx, { origin, at }, told, { action: 'session.extended' })
  await putJob(tx, { sessionId: session.id, kind: 'extension', dueAt: at })
  await notify(tx, 'daypass_work', session.id)
  await notify(tx, 'daypass_ends', session.id)
  return announced(tx, session, await getExtension(tx, id), { origin, at })
}

/** Roles that were approved by votes that count no longer. */
function lapsedRoles({ roles }: Extension): readonly SessionRole[] {
  return roles.filter((role) => role.state === 'APPROVED' && votesFor(role) < role.needed)
}

async function takeExtension(
  tx: Transaction,
  scope: PersonScope,
  id: string,
): Promise<TakenExtension> {
  const seen = await findExtension(tx, scope, id)
  if (seen === undefined) throw new Refused('not_found', 'There is no such extension for you.')
  const taken = await takeSession(tx, scope, seen.sessionId)
  const extension = await getExtension(tx, id)
  // a clock that was set back must not put a decision before what it decides
  return { ...taken, extension, at: DateTime.max(taken.at, extension.requestedAt) }
}

/** The roles this person decides now, or the reason why there are none. */
async function rolesToDecide(
  tx: Transaction,
  taken: TakenExtension,
  { person }: PersonScope,
): Promise<readonly SessionRole[]> {
  const { extension, session } = taken
  if (extension.requesterId === person.id || session.requester.id === person.id) {
    throw new Refused('own_request', 'Nobody decides their own request: another approver must.')
  }
  const mine = extension.roles.filter((role) => isEntitled(role, person))
  if (mine.length === 0) {
    const names = extension.roles.map(({ name }) => name).join(', ')
    throw new Refused('not_entitled', `You are not an approver of ${names}.`)
  }
  refuseClosed(taken)
  const open = mayDecideExtension(extension, person)
  if (open.length > 0) {
    await refuseSecondHand(tx, { person, requesterId: extension.requesterId, roles: open })
    return open
  }
  const names = mine.map(({ name }) => name).join(', ')
  throw new Refused('already_decided', `You have decided ${names} of this extension already.`)
}

function refuseClosed(taken: TakenExtension): void {
  const { state, stateSince } = taken.extension
  if (state === 'CREATED') {
    refuseOverdue(taken)
    return
  }
  const decided = state === 'APPROVED' || state === 'DENIED'
  throw new Refused(
    decided ? 'already_decided' : 'state_changed',
    `The extension is ${state} since ${iso(stateSince)}; nothing was changed.`,
    { state },
  )
}

async function getExtension(tx: Transaction, id: string): Promise<Extension> {
  const extension = await findExtension(tx, BROKER, id)
  if (extension === undefined) throw new Error(`extension ${id} has vanished`)
  return extension
}

interface Vote extends Context {
  readonly role: SessionRole
  readonly comment?: string | undefined
}

function recordVote(
  tx: Transaction,
  { session, extension }: { readonly session: Session; readonly extension: Extension },
  { origin, at, role, comment }: Vote,
): Promise<void> {
  const told = { session: extendedSession(session), extension }
  const reopened = lapsedRoles(extension).map(({ name }) => name)
  return recordExtension(tx, { origin, at }, told, {
    action: 'session.extension_approved',
    reason: comment,
    details: {
      role: role.name,
      votes: `${String(votesFor(role))} of ${String(role.needed)}`,
      ...(reopened.length === 0 ? {} : { reopened: reopened.join(', ') }),
    },
  })
}

/** The extension as it was decided, with its letters written. */
async function announced(
  tx: Transaction,
  session: Session,
  extension: Extension,
  { origin, at }: Context,
): Promise<Extension> {
  const { id: extensionId, newEnd, state, reason } = extension
  if (state === 'CREATED') throw new Error(`extension ${extensionId} is not decided`)
  await announceExtensionDecided(tx, origin, { session, extensionId, newEnd, at, state, reason })
  return extension
}
