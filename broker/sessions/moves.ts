import { DateTime } from 'luxon'
import type { SessionId } from '../../lib/ids.ts'
import { appendRecord, type RecordDraft, type SessionSnapshot } from '../../db/audit-log.ts'
import { askForCheck } from '../../db/data-source-checks.ts'
import { notify } from '../../db/notices.ts'
import type { Origin, PartScope, Scope } from '../../db/scope.ts'
import { lockSession, lockSessionInTime, moveSession } from '../../db/session-changes.ts'
import { putJob, putRemovals } from '../../db/session-jobs.ts'
import { findLastMove } from '../../db/session-moves.ts'
import { findSession, findSessionNow } from '../../db/sessions.ts'
import type { Db, Transaction } from '../../db/store.ts'
import { announceRoles, announceState } from '../letters/announce.ts'
import { notFound, Refused } from '../errors.ts'
import { expireExtension } from '../extension/records.ts'
import { isOver, usernameIn, type Session, type SessionRole, type SessionState } from './session.ts'
import { ACTION_OF, stateAfter, type SessionMove } from './transitions.ts'
import { workNotice } from '../scheduling/work-notices.ts'

/** The broker's own eyes: what it reads to decide, whoever asked. */
export const BROKER: PartScope = { kind: 'part', part: 'broker' }

/** A session under its row lock, and the moment its next change happens. */
export interface Taken {
  readonly session: Session
  readonly at: DateTime<true>
}

/** A part has many sessions to look after: one that somebody holds locked is tried again later. */
export const LOCK_PATIENCE_MS = 2_000

/** Locks a session within somebody's scope. Errors: `not_found`. */
export async function takeSession(tx: Transaction, scope: Scope, id: SessionId): Promise<Taken> {
  const there = await (scope.kind === 'part'
    ? lockSessionInTime(tx, id, LOCK_PATIENCE_MS)
    : lockSession(tx, id))
  const found = there ? await findSessionNow(tx, scope, id) : undefined
  if (found === undefined) throw notFound(id)
  const { session, now } = found
  // a clock that was set back must not put this change before the last one
  return { session, at: DateTime.max(now, lastChangeOf(session)) }
}

/** Nothing of a session may be recorded as having happened before this. */
export function lastChangeOf({ stateSince, roles }: Session): DateTime<true> {
  const votes = roles.flatMap(({ approvals }) => approvals.map(({ at }) => at))
  return DateTime.max(stateSince, ...votes)
}

/** The session as it stands in this transaction. */
export async function getSession(db: Db, id: SessionId): Promise<Session> {
  const session = await findSession(db, BROKER, id)
  if (session === undefined) throw new Error(`session ${id} has vanished`)
  return session
}

/** Who moves a session, when, and what goes with it. */
export interface MoveContext {
  readonly origin: Origin
  readonly at: DateTime<true>
  readonly reason?: string | undefined
  readonly window?: { readonly start: DateTime<true>; readonly end: DateTime<true> } | undefined
  readonly username?: string
}

/** Moves a locked session on, with its record and with what follows from it. Errors: `state_changed`. */
export async function makeMove(
  tx: Transaction,
  session: Session,
  move: SessionMove,
  context: MoveContext,
): Promise<Session> {
  const to = stateAfter(session.state, move)
  if (to === undefined) throw await stateChanged(tx, session)
  const { at, reason, window, username } = context
  const moved = await moveSession(tx, {
    id: session.id,
    from: session.state,
    to,
    at,
    reason,
    window,
    username,
    ending: isOver(to),
  })
  if (!moved) throw await stateChanged(tx, session)
  const after = move === 'grant' ? granted(session, context) : await getSession(tx, session.id)
  await recordState(tx, after, context)
  if (session.state === 'GRANTED' && isOver(to)) {
    const ended = { id: after.id, dataSource: after.dataSource, snapshot: snapshotOf(after) }
    await expireExtension(tx, { origin: context.origin, at }, ended)
  }
  await followUp(tx, session, after)
  return after
}

/** What a grant makes of a session, which is not worth another long look. */
function granted(session: Session, { at, username }: MoveContext): Session {
  return {
    ...session,
    state: 'GRANTED',
    stateSince: at,
    moveCount: session.moveCount + 1,
    username: username ?? session.username,
    grantedAt: at,
    waitingFor: null,
  }
}

/** Writes the row of the trail that says which state a session has reached, and the letters about it. */
export async function recordState(
  tx: Transaction,
  session: Session,
  { origin, at, reason }: MoveContext,
): Promise<void> {
  await announceState(tx, session, { origin, at, reason })
  await appendRecord(tx, origin, at, stateDraft(session, reason))
}

/** The row of the trail that says which state a session has reached. */
export function stateDraft(session: Session, reason: string | undefined): RecordDraft {
  return {
    action: ACTION_OF[session.state],
    area: 'sessions',
    outcome: 'ok',
    scope: 'session',
    state: session.state,
    dataSource: session.dataSource,
    session: snapshotOf(session),
    ...(session.state === 'CREATED' ? { justification: session.justification } : {}),
    ...(reason === undefined ? {} : { reason }),
  }
}

/**
 * Writes the row of the trail that says how roles were decided; start and end stay empty. An
 * approval is told to the requester, too.
 */
export async function recordRoles(
  tx: Transaction,
  session: Session,
  decision: MoveContext & {
    readonly roles: readonly Pick<SessionRole, 'name'>[]
    readonly state: 'APPROVED' | 'DENIED'
    /** Present on a vote that does not complete the role: a record, but no state row. */
    readonly votes?: string
    /** True where the letter about the session's own state says it. */
    readonly untold?: boolean
  },
): Promise<void> {
  const { origin, at, reason, state, votes, untold = false } = decision
  const names = decision.roles.map(({ name }) => name)
  if (state === 'APPROVED' && !untold) await announceRoles(tx, session, decision)
  await appendRecord(tx, origin, at, {
    action: state === 'APPROVED' ? 'role.approved' : 'role.denied',
    area: 'sessions',
    outcome: 'ok',
    ...(votes === undefined ? { scope: 'role' as const, state } : { details: { votes } }),
    dataSource: session.dataSource,
    session: {
      ...snapshotOf(session),
      roles: names,
      // one role denied is the whole session denied: no user can be made any more
      username: usernameIn(state === 'DENIED' ? 'DENIED' : session.state, session),
      start: null,
      end: null,
    },
    ...(reason === undefined ? {} : { reason }),
  })
}

/** The sentence of a 409: where the session stands and who brought it there. */
export async function stateChanged(db: Db, session: Session): Promise<Refused> {
  const last = await findLastMove(db, session.id)
  const state: SessionState = last?.state ?? session.state
  const by = last === undefined ? '' : ` by ${last.by} at ${last.at.toISO()}`
  const code = DECIDED.has(state) ? 'already_decided' : 'state_changed'
  return new Refused(code, `Session ${session.id} is ${state} already${by}; nothing was changed.`, {
    state,
    by: last?.by,
  })
}

/** A session as the trail shows it now. */
export function snapshotOf(session: Session): SessionSnapshot {
  return {
    id: session.id,
    uuid: session.uuid,
    ordinal: session.moveCount,
    requester: session.requester.username,
    roles: session.roles.map(({ name }) => name),
    username: usernameIn(session.state, session),
    start: session.start,
    end: session.end,
  }
}

/** States in which approvers have had their say. */
const DECIDED: ReadonlySet<SessionState> = new Set(['APPROVED', 'GRANTED', 'DENIED'])

/** Jobs are written with the move, so that no crash can lose them; notices only make it quick. */
async function followUp(tx: Transaction, before: Session, after: Session): Promise<void> {
  const { id, stateSince, start, dataSource } = after
  if (after.state === 'APPROVED' && start !== null) {
    await putJob(tx, { sessionId: id, kind: 'grant', dueAt: DateTime.max(start, stateSince) })
    await notify(tx, 'daypass_work', workNotice('grant', dataSource.id))
    await askForChecks(tx, after)
  }
  if (!isOver(after.state)) return
  for (const place of await putRemovals(tx, [id])) {
    await notify(tx, 'daypass_work', workNotice('removal', place))
  }
  if (before.state === 'GRANTED') await notify(tx, 'daypass_ends', id)
}

/** What the roles carry may have changed since they were defined; looked at beside the grant. */
export async function askForChecks(
  tx: Transaction,
  { id, dataSource, roles }: Session,
): Promise<void> {
  for (const { id: roleId } of roles) {
    const subject = { dataSourceId: dataSource.id, roleId, sessionId: id }
    await askForCheck(tx, { ...subject, cause: 'approval', askedBy: 'system' })
  }
}
