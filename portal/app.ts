import path from 'node:path'
import { fileURLToPath } from 'node:url'
import express, { type Express } from 'express'
import { projectRoot } from '../lib/project.ts'
import { openAttempts } from './attempts.ts'
import { bearerOnly } from './api/bearer.ts'
import { openMetrics } from './api/metrics.ts'
import { sameOriginOnly } from './csrf.ts'
import { answerWithin } from './deadline.ts'
import type { PortalDeps } from './deps.ts'
import { answerErrorPage, answerProblem, noteLate, nothingHere } from './failures.ts'
import { noStore, securityHeaders } from './headers.ts'
import { mount } from './mount.ts'
import { changePasswordFirst } from './must-change.ts'
import { factorFirst, pendingFirst } from './mfa/demand.ts'
import { health } from './pages/health.ts'
import { ASSETS } from './presenters/page.ts'
import { apiRoutes, publicApiRoutes } from './api/routes.ts'
import { scoped } from './api/scopes.ts'
import { pageRoutes } from './routes.ts'
import { scimRouter } from './scim/router.ts'
import { openSignIns } from './sign-in.ts'
import { uploads } from './user-import/upload.ts'

/** The browser's half of passkeys, as its package publishes it: one file, no inline script. */
const WEBAUTHN = path.join(
  path.dirname(fileURLToPath(import.meta.resolve('@simplewebauthn/browser'))),
  '../dist/bundle',
)

const FORM_LIMIT = '64kb'
const JSON_LIMIT = '256kb'
/** 1 MB of lines, and what JSON adds to their quotes. */
const IMPORT_LIMIT = '2mb'
/** A new release reaches browsers within this time. */
const ASSETS_MAX_AGE = '1h'

/** Builds the portal: pages behind a cookie, the API and SCIM behind a token, health behind nothing. */
export function createApp(deps: PortalDeps): Express {
  const { config } = deps
  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', config.trustProxy ?? false)
  app.use(securityHeaders(config.publicUrl))
  app.get(`${ASSETS}/webauthn.js`, (_req, res) => {
    res.sendFile('index.umd.min.js', { root: WEBAUTHN, maxAge: ASSETS_MAX_AGE })
  })
  app.use(
    ASSETS,
    express.static(path.join(projectRoot, 'portal/public'), { maxAge: ASSETS_MAX_AGE }),
  )

  const metrics = openMetrics(deps)
  app.use(metrics.count)
  const { alive, ready } = health(deps)
  app.get('/healthz', noStore, alive)
  app.get('/readyz', noStore, ready, answerProblem(deps))
  app.use('/api', api(deps, metrics))
  app.use('/scim', scimRouter(deps))
  app.use(pages(deps))
  app.use(noteLate(deps))
  return app
}

function api(deps: PortalDeps, metrics: ReturnType<typeof openMetrics>): express.Router {
  const router = express.Router()
  const attempts = openAttempts(deps, 'token')
  router.use(noStore, answerWithin(deps.answerWithinMs))
  mount(router, publicApiRoutes(), '/v1')
  router.use(bearerOnly(deps, attempts))
  router.use('/v1/users/import', express.json({ limit: IMPORT_LIMIT }))
  router.use(express.json({ limit: JSON_LIMIT }))
  mount(router, apiRoutes({ ...deps, metrics }).map(scoped), '/v1')
  router.use(nothingHere, answerProblem(deps))
  return router
}

function pages(deps: PortalDeps): express.Router {
  const router = express.Router()
  const signIns = openSignIns(deps)
  router.use(noStore, answerWithin(deps.answerWithinMs))
  router.use(...signIns.handlers)
  router.use(pendingFirst, changePasswordFirst, factorFirst(deps))
  router.use('/users/import', ...uploads())
  router.use(express.urlencoded({ extended: false, limit: FORM_LIMIT }))
  router.use(sameOriginOnly(deps.config.publicUrl))
  mount(router, pageRoutes({ ...deps, signIns, attempts: openAttempts(deps, 'sign-in') }))
  router.use(nothingHere, answerErrorPage(deps))
  return router
}
