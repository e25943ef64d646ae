import express, { type Express, type RequestHandler } from 'express'
import session from 'express-session'
import { readConfig } from '../../config.ts'
import type { PersonScope } from '../../db/scope.ts'
import type { Store } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { auditApi } from '../../portal/api/audit.ts'
import type { PortalDeps } from '../../portal/deps.ts'
import { answerErrorPage, answerProblem, nothingHere } from '../../portal/failures.ts'
import { auditPages } from '../../portal/pages/audit.ts'
import { auditRecordPage } from '../../portal/pages/audit-record.ts'
import { rememberVisit } from '../../portal/visit.ts'

/** The audit routes alone, for whoever the header `x-as` names: signing in is tested elsewhere. */
export function auditPortal(
  store: Store,
  people: Readonly<Record<string, PersonScope>>,
  settings: Readonly<Record<string, string>> = {},
  countWithinMs = 30_000,
): Express {
  const deps: PortalDeps = {
    config: readConfig(settings),
    store,
    log: silentLog,
    shutdown: new Shutdown(silentLog),
    countWithinMs,
  }
  const app = express()
  app.use(visitAs(people))
  const api = auditApi(deps)
  app.get('/api/v1/audit', api.search)
  app.get('/api/v1/audit/download', api.download)
  app.use('/api', nothingHere, answerProblem(deps))
  app.use(session({ secret: 'test', resave: false, saveUninitialized: false }))
  const pages = auditPages(deps)
  app.get('/audit', pages.index)
  app.get('/audit/download', pages.download)
  app.get('/audit/news', pages.news)
  app.get('/audit/:record', auditRecordPage(deps))
  app.use(nothingHere, answerErrorPage(deps))
  return app
}

function visitAs(people: Readonly<Record<string, PersonScope>>): RequestHandler {
  return (req, _res, next) => {
    const scope = people[req.get('x-as') ?? '']
    if (scope !== undefined) {
      const { person, organization } = scope
      rememberVisit(req, {
        person,
        organization,
        proof: { authMethod: 'password', signInId: 's1' },
      })
    }
    next()
  }
}
