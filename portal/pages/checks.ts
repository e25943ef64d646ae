import type { RequestHandler } from 'express'
import { askRoleCheck, askSourceCheck, getCheckIn } from '../checks.ts'
import type { PortalDeps } from '../deps.ts'
import { presentCheck, REFRESH_SECONDS } from '../presenters/checks.ts'
import { mayAdminister, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { openShell } from '../shell.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'

/** Tests of data sources and roles: posting asks for one, and its page shows how it stands. */
export function checkPages(deps: PortalDeps) {
  const show: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const check = await getCheckIn(req, deps)
    const path = check.role === null ? '/data-sources' : '/roles'
    const shell = await openShell(deps, req, 'Test', path)
    if (check.endedAt === null) res.set('refresh', String(REFRESH_SECONDS))
    await render(res, 'data-sources/check', presentCheck(shell, check, mayAdminister(scope)))
  }
  const asking = (ask: typeof askSourceCheck): RequestHandler => {
    return async (req, res) => {
      orNotFound(mayAdminister(visitOf(req).scope))
      const { id } = await ask(deps, visitOf(req), uuidIn(req))
      res.redirect(303, `/checks/${id}`)
    }
  }
  return { show, ofSource: asking(askSourceCheck), ofRole: asking(askRoleCheck) }
}
