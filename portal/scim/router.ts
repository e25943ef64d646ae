import express from 'express'
import { bearerOnly } from '../api/bearer.ts'
import { ScopeMissing } from '../api/scopes.ts'
import { openAttempts } from '../attempts.ts'
import { answerWithin } from '../deadline.ts'
import type { PortalDeps } from '../deps.ts'
import { nothingHere } from '../failures.ts'
import { noStore } from '../headers.ts'
import { mount } from '../mount.ts'
import { mayAdminister, orNotEntitled } from '../privileges.ts'
import { visitOf } from '../visit.ts'
import { SCIM_JSON } from './answers.ts'
import { answerScimError } from './failures.ts'
import { scimRoutes } from './routes.ts'

/** A group of some thousand members; a directory sends more than that in pieces. */
const BODY_LIMIT = '1mb'

/** SCIM 2.0, to tokens of admins alone: whoever provisions people says who may get in. */
export function scimRouter(deps: PortalDeps): express.Router {
  const router = express.Router()
  router.use(noStore, answerWithin(deps.answerWithinMs))
  router.use(bearerOnly(deps, openAttempts(deps, 'token')))
  // the right is asked before the body is read
  router.use(adminsOnly)
  router.use(express.json({ limit: BODY_LIMIT, type: [SCIM_JSON, 'application/json'] }))
  mount(router, scimRoutes(deps), '/v2')
  router.use(nothingHere, answerScimError(deps))
  return router
}

const adminsOnly: express.RequestHandler = (req, _res, next) => {
  const { scope, token } = visitOf(req)
  if (token?.scopes.includes('admin') !== true) throw new ScopeMissing(['admin'])
  orNotEntitled(mayAdminister(scope))
  next()
}
