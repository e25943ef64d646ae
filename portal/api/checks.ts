import type { RequestHandler } from 'express'
import { askRoleCheck, askSourceCheck, getCheckIn } from '../checks.ts'
import type { PortalDeps } from '../deps.ts'
import { readBody } from '../forms/body.ts'
import { checkJson } from '../presenters/checks.ts'
import { mayAdminister, maySeeAdministration, orNotEntitled } from '../privileges.ts'
import { visitOf } from '../visit.ts'
import { nothingBody } from './bodies.ts'

/** Tests of data sources and roles as JSON: asked for, and looked at until they have ended. */
export function checksApi(deps: PortalDeps) {
  const show: RequestHandler = async (req, res) => {
    orNotEntitled(maySeeAdministration(visitOf(req).scope))
    res.json(checkJson(await getCheckIn(req, deps)))
  }
  const asking = (ask: typeof askSourceCheck, parameter: string): RequestHandler => {
    return async (req, res) => {
      const visit = visitOf(req)
      orNotEntitled(mayAdminister(visit.scope))
      readBody(req, nothingBody)
      const subject = req.params[parameter]
      res
        .status(202)
        .json(checkJson(await ask(deps, visit, typeof subject === 'string' ? subject : '')))
    }
  }
  return { show, ofSource: asking(askSourceCheck, 'name'), ofRole: asking(askRoleCheck, 'id') }
}
