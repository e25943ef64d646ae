import type { SessionId } from '../../lib/ids.ts'
import type { Origin, PersonScope } from '../../db/scope.ts'
import { decideRole, insertApproval } from '../../db/session-changes.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import type { Store, Transaction } from '../../db/store.ts'
import { settle } from './decisions.ts'
import { InvalidRequest, Refused } from '../errors.ts'
import {
  getSession,
  makeMove,
  recordRoles,
  stateChanged,
  takeSession,
  type Taken,
} from './moves.ts'
import { refuseSecondHand } from '../policy/hands.ts'
import { hasVoted, isEntitled, isOwnRequest, mayDecide, votesFor } from '../policy/policy.ts'
import { isStorable } from './request.ts'
import { expiryOf, isOver } from './session.ts'

export { requestSession, type SessionRequest } from './request.ts'

export interface ApprovalCommand {
  /** Role names; absent: every role this person may approve. */
  readonly roles?: readonly string[] | undefined
  readonly comment?: string | undefined
}

export interface DenialCommand {
  readonly roles?: readonly string[] | undefined
  readonly reason: string
}

const REASON_LIMIT = 2_000

/**
 * Votes for roles of somebody else's request. Errors: `not_found`, `own_request`, `not_entitled`,
 * `already_decided`, `state_changed`, `invalid_request`.
 */
export async function approve(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
  command: ApprovalCommand = {},
): Promise<Session> {
  const comment = checkText('comment', command.comment)
  return store.change(async (tx) => {
    const { session, at } = await takeSession(tx, scope, id)
    const roles = await rolesToDecide(tx, { scope, session, at }, command.roles)
    for (const role of roles) {
      await insertApproval(tx, {
        sessionId: id,
        roleId: role.id,
        person: scope.person,
        comment: comment ?? '',
        at,
      })
    }
    const voted = await getSession(tx, id)
    await recordVotes(tx, voted, { origin, at, roles, reason: comment })
    const ids = new Set(roles.map((role) => role.id))
    return settle(tx, voted, { origin, at, by: scope.person.id, comment, voted: ids })
  })
}

/** Denies one role, and so the session. Errors: as approve, and `reason_required`. */
export async function deny(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
  command: DenialCommand,
): Promise<Session> {
  const reason = requireReason(command.reason)
  return store.change(async (tx) => {
    const { session, at } = await takeSession(tx, scope, id)
    const roles = await rolesToDecide(tx, { scope, session, at }, command.roles)
    const by = scope.person.id
    for (const role of roles) {
      await decideRole(tx, { sessionId: id, roleId: role.id, state: 'DENIED', at, by })
    }
    await recordRoles(tx, session, { origin, at, roles, state: 'DENIED', reason })
    return makeMove(tx, session, 'deny', { origin, at, reason })
  })
}

/** Ends one's own session or request before its time. Errors: `not_found`, `not_entitled`, `state_changed`. */
export async function cancel(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
  command: { readonly reason?: string | undefined } = {},
): Promise<Session> {
  const reason = checkText('reason', command.reason)
  return store.change(async (tx) => {
    const taken = await takeSession(tx, scope, id)
    if (!isOwnRequest(taken.session, scope.person)) {
      const { username } = taken.session.requester
      throw new Refused(
        'not_entitled',
        `Only ${username}, who asked for it, may cancel session ${id}.`,
      )
    }
    refuseOverdue(taken)
    return makeMove(tx, taken.session, 'cancel', { origin, at: taken.at, reason })
  })
}

/** Ends anybody's session, as an admin. Errors: `not_found`, `not_entitled`, `state_changed`, `reason_required`. */
export async function terminate(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
  command: { readonly reason: string },
): Promise<Session> {
  return store.change(async (tx) => {
    const taken = await takeSession(tx, scope, id)
    if (scope.person.managementPrivilege !== 'admin') {
      throw new Refused('not_entitled', 'Only an admin may terminate a session.')
    }
    const reason = requireReason(command.reason)
    refuseOverdue(taken)
    return makeMove(tx, taken.session, 'terminate', { origin, at: taken.at, reason })
  })
}

type Deciding = Taken & { readonly scope: PersonScope }

/** The roles this person decides now, or the reason why there are none. */
async function rolesToDecide(
  tx: Transaction,
  { scope, session, at }: Deciding,
  names: readonly string[] | undefined,
): Promise<SessionRole[]> {
  const { person } = scope
  if (isOwnRequest(session, person)) {
    throw new Refused('own_request', 'Nobody decides their own request: another approver must.')
  }
  refuseUnknown(session, names)
  const asked = session.roles.filter(({ name }) => names === undefined || names.includes(name))
  const mine = asked.filter((role) => isEntitled(role, person))
  if (mine.length === 0 || (names !== undefined && mine.length < asked.length)) {
    const others = asked.filter((role) => !mine.includes(role)).map(({ name }) => name)
    throw new Refused('not_entitled', `You are not an approver of ${others.join(', ')}.`)
  }
  if (session.state !== 'CREATED') throw await stateChanged(tx, session)
  refuseOverdue({ session, at })
  const open = mayDecide(session, person)
  const chosen = mine.filter(({ name }) => open.includes(name))
  if (chosen.length === 0) throw alreadyDecided(mine, person)
  await refuseSecondHand(tx, { person, requesterId: session.requester.id, roles: chosen })
  return chosen
}

function refuseUnknown(session: Session, names: readonly string[] | undefined): void {
  const unknown = names?.find((name) => session.roles.every((role) => role.name !== name))
  if (unknown === undefined && names?.length !== 0) return
  throw new InvalidRequest({
    roles:
      unknown === undefined
        ? 'Name at least one role, or leave roles out to decide all of yours.'
        : `Session ${session.id} does not ask for ${JSON.stringify(unknown.slice(0, 63))}.`,
  })
}

function alreadyDecided(roles: readonly SessionRole[], person: { readonly id: string }): Refused {
  const sentences = roles.map((role) =>
    hasVoted(role, person)
      ? `You have decided ${role.name} already.`
      : `${role.name} is ${role.state} already, by ${role.approvals.map(({ by }) => by).join(', ')}.`,
  )
  return new Refused('already_decided', sentences.join(' '))
}

/** The sweep ends what is over within a second; until then nobody else may move it. */
export function refuseOverdue({ session, at }: Taken): void {
  const over = expiryOf(session)
  if (isOver(session.state) || at < over) return
  throw new Refused(
    'state_changed',
    `The time of session ${session.id} ran out at ${over.toISO()}.`,
  )
}

/** A vote that does not complete its role is a record, but not yet a state. */
async function recordVotes(
  tx: Transaction,
  voted: Session,
  {
    roles,
    ...context
  }: Parameters<typeof makeMove>[3] & { readonly roles: readonly SessionRole[] },
): Promise<void> {
  const ids = new Set(roles.map(({ id }) => id))
  const short = voted.roles.filter((role) => ids.has(role.id) && votesFor(role) < role.needed)
  for (const role of short) {
    const votes = `${String(votesFor(role))} of ${String(role.needed)}`
    await recordRoles(tx, voted, { ...context, roles: [role], state: 'APPROVED', votes })
  }
}

/** The reason without which nobody is denied or ended. Errors: `reason_required`. */
export function requireReason(reason: string): string {
  const text = checkText('reason', reason)
  if (text !== undefined) return text
  throw new Refused('reason_required', 'Say why: the reason is kept in the audit trail.')
}

/** Text that a record can hold; undefined for blank text. Errors: `invalid_request`. */
export function checkText(field: string, text: string | undefined): string | undefined {
  if (text === undefined || text.trim() === '') return undefined
  if (Array.from(text).length > REASON_LIMIT) {
    throw new InvalidRequest({ [field]: `The ${field} may have at most 2,000 characters.` })
  }
  if (isStorable(text)) return text
  throw new InvalidRequest({ [field]: `The ${field} holds a NUL or half a character: remove it.` })
}
