import type { Request } from 'express'
import { findSession, type Session } from '../db/sessions.ts'
import { parseSessionId, type SessionId } from '../lib/ids.ts'
import { isOwnRequest } from '../broker/policy/policy.ts'
import type { PortalDeps } from './deps.ts'
import { NotFound } from './errors.ts'
import { visitOf } from './visit.ts'

/** The session number in the address. Errors: `not_found`. */
export function sessionIdIn(req: Request): SessionId {
  const text = req.params['id']
  const id = typeof text === 'string' ? parseSessionId(text) : undefined
  if (id === undefined) throw new NotFound()
  return id
}

/** The session in the address, where this person may see it. Errors: `not_found`. */
export async function getSessionIn(req: Request, { store }: PortalDeps): Promise<Session> {
  const session = await findSession(store.db, visitOf(req).scope, sessionIdIn(req))
  if (session === undefined) throw new NotFound()
  return session
}

/**
 * The number of the session in the address, where it is this person's own. Another's credential is
 * not there for anybody, an admin or approver who sees the session included. Errors: `not_found`.
 */
export async function ownSessionIdIn(req: Request, deps: PortalDeps): Promise<SessionId> {
  const session = await getSessionIn(req, deps)
  if (!isOwnRequest(session, visitOf(req).scope.person)) throw new NotFound()
  return session.id
}
