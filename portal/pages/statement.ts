import type { RequestHandler } from 'express'
import { listConnections } from '../../db/connections.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { presentStatementPage, statementHeading } from '../presenters/statement.ts'
import { readStatement } from '../recording.ts'
import { render } from '../render.ts'
import { getSessionIn } from '../session-address.ts'
import { openShell } from '../shell.ts'
import { statementIn } from '../statement-address.ts'
import { visitOf } from '../visit.ts'

/** One statement of a recording, with those around it; its address is what people send each other. */
export function statementPage(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    const session = await getSessionIn(req, deps)
    const read = await readStatement(deps, visit, session, statementIn(req))
    if (read === undefined) throw new NotFound()
    const connections = await listConnections(deps.store.db, visit.scope, session.id)
    const heading = statementHeading(read.statement, connections)
    const shell = await openShell(deps, req, `${heading}, session ${session.id}`)
    const page = presentStatementPage({ shell, session, connections, ...read })
    await render(res, 'sessions/statement', page)
  }
}
