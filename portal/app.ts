import path from 'node:path'
import express, { type Express } from 'express'
import { projectRoot } from '../lib/project.ts'
import { openAttempts } from './attempts.ts'
import { bearerOnly } from './api/bearer.ts'
import { openMetrics } from './api/metrics.ts'
import { sameOriginOnly } from './csrf.ts'
import { answerWithin } from './deadline.ts'
import type { PortalDeps } from './deps.ts'
import { MethodNotAllowed } from './errors.ts'
import { answerErrorPage, answerProblem, noteLate, nothingHere } from './failures.ts'
import { noStore, securityHeaders } from './headers.ts'
import { health } from './pages/health.ts'
import { ASSETS } from './presenters/page.ts'
import { apiRoutes, publicApiRoutes } from './api/routes.ts'
import type { Route } from './route.ts'
import { pageRoutes } from './routes.ts'
import { openSignIns } from './sign-in.ts'

const FORM_LIMIT = '64kb'
const JSON_LIMIT = '256kb'
/** A new release reaches browsers within this time. */
const ASSETS_MAX_AGE = '1h'

/** Builds the portal: pages behind a cookie, the API behind a token, health behind nothing. */
export function createApp(deps: PortalDeps): Express {
  const { config } = deps
  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', config.trustProxy ?? false)
  app.use(securityHeaders(config.publicUrl))
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
  app.use(pages(deps))
  app.use(noteLate(deps))
  return app
}

function api(deps: PortalDeps, metrics: ReturnType<typeof openMetrics>): express.Router {
  const router = express.Router()
  const attempts = openAttempts()
  router.use(noStore, answerWithin(deps.answerWithinMs))
  mount(router, publicApiRoutes(), '/v1')
  router.use(bearerOnly(deps, attempts))
  router.use(express.json({ limit: JSON_LIMIT }))
  mount(router, apiRoutes({ ...deps, metrics }), '/v1')
  router.use(nothingHere, answerProblem(deps))
  return router
}

function pages(deps: PortalDeps): express.Router {
  const router = express.Router()
  const signIns = openSignIns(deps)
  router.use(noStore, answerWithin(deps.answerWithinMs))
  router.use(...signIns.handlers)
  router.use(express.urlencoded({ extended: false, limit: FORM_LIMIT }))
  router.use(sameOriginOnly(deps.config.publicUrl))
  mount(router, pageRoutes({ ...deps, signIns, attempts: openAttempts() }))
  router.use(nothingHere, answerErrorPage(deps))
  return router
}

/** Mounts routes, and an answer to every other method of their addresses (RFC 9110, 15.5.6). */
function mount(router: express.Router, routes: readonly Route[], prefix = ''): void {
  for (const { method, path, handle } of routes) router[method](prefix + path, handle)
  for (const address of new Set(routes.map(({ path }) => path))) {
    const methods = routes.filter(({ path }) => path === address).map(({ method }) => method)
    router.all(prefix + address, refuseMethod(methods))
  }
}

function refuseMethod(methods: readonly Route['method'][]): express.RequestHandler {
  const allow = methods.map((method) => (method === 'get' ? 'GET, HEAD' : 'POST')).join(', ')
  return (req, res) => {
    res.set('allow', allow)
    if (req.method !== 'OPTIONS') throw new MethodNotAllowed(allow)
    res.status(204).end()
  }
}
