import type { RequestHandler } from 'express'
import { listConnections } from '../../db/connections.ts'
import { storeTime } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { presentRunning } from '../presenters/running.ts'
import { mayReadRecording, readRunning } from '../recording.ts'
import { render } from '../render.ts'
import { getSessionIn } from '../session-address.ts'
import { bareShell, isPart, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** What a session runs right now; its page asks for it every second, so that a part has no frame. */
export function runningPage(deps: PortalDeps): RequestHandler {
  const { db } = deps.store
  return async (req, res) => {
    const visit = visitOf(req)
    const session = await getSessionIn(req, deps)
    if (!mayReadRecording(visit.scope, session)) throw new NotFound()
    const title = `Running now in session ${session.id}`
    const [shell, statements, connections, now] = await Promise.all([
      isPart(req) ? bareShell(title) : openShell(deps, req, title),
      readRunning(deps, visit, session),
      listConnections(db, visit.scope, session.id),
      storeTime(db),
    ])
    const look = { scope: visit.scope, zones: shell.zones, now }
    const running = presentRunning(statements, { session, connections, look })
    await render(res, 'sessions/running', { page: shell.page, id: session.id, running })
  }
}
