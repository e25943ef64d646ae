import type { RequestHandler } from 'express'
import { administrationApi } from './api/administration.ts'
import { auditApi } from './api/audit.ts'
import type { Metrics } from './api/metrics.ts'
import { openApi } from './api/openapi.ts'
import { sessionsApi } from './api/sessions.ts'
import type { PortalDeps } from './deps.ts'
import { dataSourcePages, rolePages } from './pages/administration.ts'
import { auditPages } from './pages/audit.ts'
import { freshSessionPages } from './pages/fresh-session.ts'
import { home } from './pages/home.ts'
import { sessionPages } from './pages/session.ts'
import { sessionLists } from './pages/sessions.ts'
import { signInPages, type SignInDeps } from './pages/sign-in.ts'
import { userPages } from './pages/users.ts'

export interface Route {
  readonly method: 'get' | 'post'
  readonly path: string
  readonly handle: RequestHandler
}

/** Every page, and every resource that a form posts to. */
export function pageRoutes(deps: SignInDeps): readonly Route[] {
  const signIn = signInPages(deps)
  const always = [
    get('/', home(deps)),
    get('/sign-in', signIn.fresh),
    post('/sign-in', signIn.create),
    post('/sign-out', signIn.destroy),
    ...administrationPages(deps),
  ]
  return deps.config.portal.mode ? [...always, ...sessionRoutes(deps)] : always
}

function sessionRoutes(deps: PortalDeps): Route[] {
  const lists = sessionLists(deps)
  const fresh = freshSessionPages(deps)
  const session = sessionPages(deps)
  const audit = auditPages(deps)
  return [
    get('/sessions', lists.index),
    post('/sessions', fresh.create),
    get('/sessions/new', fresh.fresh),
    post('/sessions/preview', fresh.preview),
    get('/sessions/preview', fresh.back),
    post('/sessions/termination', lists.terminateAll),
    get('/sessions/termination', lists.back),
    get('/sessions/:id', session.show),
    post('/sessions/:id/approval', session.approve),
    post('/sessions/:id/denial', session.deny),
    post('/sessions/:id/cancellation', session.cancel),
    post('/sessions/:id/termination', session.terminate),
    post('/sessions/:id/credential', session.credential),
    ...['approval', 'denial', 'cancellation', 'termination', 'credential'].map((resource) =>
      get(`/sessions/:id/${resource}`, session.back),
    ),
    get('/approvals', lists.approvals),
    get('/history', lists.history),
    get('/audit', audit.index),
    get('/audit/download', audit.download),
    get('/audit/:record', audit.show),
  ]
}

function administrationPages(deps: PortalDeps): Route[] {
  const sources = dataSourcePages(deps)
  const roles = rolePages(deps)
  const users = userPages(deps)
  return [
    get('/data-sources', sources.index),
    get('/data-sources/new', sources.fresh),
    post('/data-sources', sources.create),
    get('/roles', roles.index),
    get('/roles/new', roles.fresh),
    post('/roles', roles.create),
    get('/users', users.index),
    get('/users/new', users.fresh),
    post('/users', users.create),
    get('/users/:id', users.show),
    post('/users/:id/flags', users.flag),
    post('/users/:id/lock', users.lock),
    post('/users/:id/unlock', users.unlock),
  ]
}

/** What the API answers without a token, under /api/v1. */
export function publicApiRoutes(): readonly Route[] {
  return [get('/openapi.json', openApi)]
}

/** What the API answers to a token, under /api/v1; pages post to the same resources. */
export function apiRoutes(deps: PortalDeps & { readonly metrics: Metrics }): readonly Route[] {
  const api = administrationApi(deps)
  const always = [
    get('/me', api.me),
    get('/metrics', deps.metrics.show),
    get('/data-sources', api.dataSources),
    post('/data-sources', api.createDataSource),
    get('/roles', api.roles),
    post('/roles', api.createRole),
    get('/groups', api.groups),
    post('/groups', api.createGroup),
    get('/users', api.users),
    post('/users', api.createUser),
  ]
  return deps.config.portal.mode ? [...always, ...sessionApiRoutes(deps)] : always
}

function sessionApiRoutes(deps: PortalDeps): Route[] {
  const sessions = sessionsApi(deps)
  const audit = auditApi(deps)
  return [
    get('/sessions', sessions.index),
    post('/sessions', sessions.create),
    get('/sessions/:id', sessions.show),
    post('/sessions/:id/approval', sessions.approve),
    post('/sessions/:id/denial', sessions.deny),
    post('/sessions/:id/cancellation', sessions.cancel),
    post('/sessions/:id/termination', sessions.terminate),
    post('/sessions/:id/credential', sessions.credential),
    get('/sessions/:id/statements', sessions.statements),
    get('/audit', audit.search),
    get('/audit/download', audit.download),
  ]
}

function get(path: string, handle: RequestHandler): Route {
  return { method: 'get', path, handle }
}

function post(path: string, handle: RequestHandler): Route {
  return { method: 'post', path, handle }
}
