import type { DateTime } from 'luxon'
import { systemOrigin, type Origin } from '../../db/scope.ts'
import { decideRole } from '../../db/session-changes.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import type { Transaction } from '../../db/store.ts'
import { getSession, makeMove, recordRoles } from './moves.ts'
import { votesFor } from '../policy/policy.ts'

export interface Decision {
  readonly origin: Origin
  readonly at: DateTime<true>
  /** The person whose vote brought it about; null where none was needed. */
  readonly by: string | null
  readonly comment?: string | undefined
  /** Ids of the roles that were voted for now; absent: whatever is complete is the actor's doing. */
  readonly voted?: ReadonlySet<string>
}

/**
 * Approves the roles that have all the votes they need, each with its row, and the session once
 * every role is approved: then a window that counts from approval starts. A role whose earlier
 * votes count again, say because a voter is back, is the system's to approve, not the next voter's.
 */
export async function settle(
  tx: Transaction,
  session: Session,
  decision: Decision,
): Promise<Session> {
  const complete = session.roles.filter(
    (role) => role.state === 'PENDING' && votesFor(role) >= role.needed,
  )
  // what completes the request is told by the letter about the session
  const isLast = session.roles.every((role) => role.state === 'APPROVED' || complete.includes(role))
  for (const role of complete) {
    const theirs = decision.voted?.has(role.id) ?? true
    await approveRole(tx, session, { ...(theirs ? decision : bySystem(decision)), role, isLast })
  }
  const settled = complete.length === 0 ? session : await getSession(tx, session.id)
  if (settled.roles.some(({ state }) => state !== 'APPROVED')) return settled
  const { origin, at } = decision
  return makeMove(tx, settled, 'approve', { origin, at, window: windowFrom(settled, at) })
}

function bySystem({ at, origin }: Decision): Decision {
  return { at, origin: systemOrigin(origin.organization, origin.correlationId), by: null }
}

async function approveRole(
  tx: Transaction,
  session: Session,
  {
    origin,
    at,
    by,
    comment,
    role,
    isLast,
  }: Decision & { readonly role: SessionRole; readonly isLast: boolean },
): Promise<void> {
  const facts = { sessionId: session.id, roleId: role.id, state: 'APPROVED', at, by } as const
  if (!(await decideRole(tx, facts))) return
  const said = { origin, at, roles: [role], state: 'APPROVED', reason: comment } as const
  await recordRoles(tx, session, { ...said, untold: isLast })
}

function windowFrom(
  { start, minutes }: Session,
  at: DateTime<true>,
): { start: DateTime<true>; end: DateTime<true> } | undefined {
  if (start !== null || minutes === null) return undefined
  return { start: at, end: at.plus({ milliseconds: Math.round(minutes * 60_000) }) }
}
