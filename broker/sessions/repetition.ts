import { listExtensions } from '../../db/extensions.ts'
import { listRoles } from '../../db/roles.ts'
import type { Origin, PersonScope } from '../../db/scope.ts'
import { findSession, type Session } from '../../db/sessions.ts'
import type { Db, Store } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { notFound, Refused } from '../errors.ts'
import { requestSession, type SessionRequest } from './lifecycle.ts'
import { BROKER } from './moves.ts'
import { isOwnRequest } from '../policy/policy.ts'
import { isOver } from './session.ts'

/** Asks again for what one's own session, which is over, was; it starts now. Errors: as findRepetition, and `invalid_request`. */
export async function repeatSession(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
): Promise<Session> {
  return requestSession(store, scope, origin, await findRepetition(store.db, scope, id))
}

/**
 * The request that would have one's own session again: same data source, roles, length and
 * justification. Errors: `not_found`, `not_entitled`, `state_changed`.
 */
export async function findRepetition(
  db: Db,
  scope: PersonScope,
  id: SessionId,
): Promise<SessionRequest> {
  const session = await findSession(db, scope, id)
  if (session === undefined) throw notFound(id)
  if (!isOwnRequest(session, scope.person)) {
    const { username } = session.requester
    throw new Refused('not_entitled', `Only ${username} may ask for session ${id} again.`)
  }
  if (!isOver(session.state)) {
    throw new Refused(
      'state_changed',
      `Session ${id} is ${session.state}: it can be asked for again once it is over.`,
    )
  }
  const today = await listRoles(db, scope, { dataSourceId: session.dataSource.id })
  return {
    dataSource: session.dataSource.name,
    // a role may bear another name by now
    roles: session.roles.map(
      (asked) => today.find(({ id: one }) => one === asked.id)?.name ?? asked.name,
    ),
    justification: session.justification,
    minutes: await minutesOf(db, session),
    fromApproval: session.minutes !== null,
  }
}

/** The length that was asked for at first, before any extension. */
async function minutesOf(db: Db, { id, start, end, minutes }: Session): Promise<number> {
  if (minutes !== null) return minutes
  if (start === null || end === null) throw new Error(`session ${id} has neither window nor length`)
  const extensions = await listExtensions(db, BROKER, id)
  const firstEnd = extensions.find(({ state }) => state === 'APPROVED')?.oldEnd ?? end
  return firstEnd.diff(start).as('minutes')
}
