import type { RequestHandler } from 'express'
import { administrationApi } from './api/administration.ts'
import { alertsApi } from './api/alerts.ts'
import { checksApi } from './api/checks.ts'
import { auditApi } from './api/audit.ts'
import { extensionsApi } from './api/extensions.ts'
import type { Metrics } from './api/metrics.ts'
import { openApi } from './api/openapi.ts'
import { policyChangesApi, policyReadingApi } from './api/policy.ts'
import { residueApi } from './api/residue.ts'
import { sessionsApi } from './api/sessions.ts'
import { tasksApi } from './api/tasks.ts'
import type { PortalDeps } from './deps.ts'
import { dataSourcePages, rolePages } from './pages/administration.ts'
import { alertPages } from './pages/alerts.ts'
import { auditPages } from './pages/audit.ts'
import { checkPages } from './pages/checks.ts'
import { extensionPages } from './pages/extension.ts'
import { freshSessionPages } from './pages/fresh-session.ts'
import { groupPages } from './pages/groups.ts'
import { home } from './pages/home.ts'
import { policyPages } from './pages/policy.ts'
import { runningPage } from './pages/running.ts'
import { sessionPages } from './pages/session.ts'
import { sessionLists } from './pages/sessions.ts'
import { signInPages, type SignInDeps } from './pages/sign-in.ts'
import { taskPages } from './pages/tasks.ts'
import {
  justificationPages,
  requestLifePages,
  retentionPages,
  roleTermsPages,
  sourceTermsPages,
} from './pages/terms.ts'
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
  const extension = extensionPages(deps)
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
    get('/sessions/:id/running', runningPage(deps)),
    post('/sessions/:id/approval', session.approve),
    post('/sessions/:id/denial', session.deny),
    post('/sessions/:id/cancellation', session.cancel),
    post('/sessions/:id/termination', session.terminate),
    post('/sessions/:id/credential', session.credential),
    ...['approval', 'denial', 'cancellation', 'termination', 'credential'].map((resource) =>
      get(`/sessions/:id/${resource}`, session.back),
    ),
    post('/sessions/:id/repetition', fresh.repeat),
    post('/sessions/:id/extension', extension.create),
    ...['repetition', 'extension'].map((resource) =>
      get(`/sessions/:id/${resource}`, session.back),
    ),
    get('/extensions/:id', extension.show),
    post('/extensions/:id/approval', extension.approve),
    post('/extensions/:id/denial', extension.deny),
    post('/extensions/:id/cancellation', extension.cancel),
    ...['approval', 'denial', 'cancellation'].map((resource) =>
      get(`/extensions/:id/${resource}`, extension.show),
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
  const checks = checkPages(deps)
  const roles = rolePages(deps)
  const users = userPages(deps)
  const alerts = alertPages(deps)
  const tasks = taskPages(deps)
  return [
    get('/data-sources', sources.index),
    get('/data-sources/new', sources.fresh),
    post('/data-sources', sources.create),
    post('/data-sources/:id/check', checks.ofSource),
    post('/roles/:id/check', checks.ofRole),
    get('/checks/:id', checks.show),
    get('/roles', roles.index),
    get('/roles/new', roles.fresh),
    post('/roles', roles.create),
    get('/users', users.index),
    get('/alerts', alerts.index),
    get('/alerts/rules', alerts.rules),
    post('/alerts/rules', alerts.setRule),
    get('/tasks', tasks.index),
    get('/users/new', users.fresh),
    post('/users', users.create),
    get('/users/:id', users.show),
    post('/users/:id/flags', users.flag),
    post('/users/:id/lock', users.lock),
    post('/users/:id/unlock', users.unlock),
    ...policyRoutes(deps),
  ]
}

function policyRoutes(deps: PortalDeps): Route[] {
  const policy = policyPages(deps)
  const justification = justificationPages(deps)
  const requestLife = requestLifePages(deps)
  const retention = retentionPages(deps)
  const role = roleTermsPages(deps)
  const source = sourceTermsPages(deps)
  const groups = groupPages(deps)
  return [
    get('/policy', policy.index),
    get('/policy/versions/:version', policy.version),
    get('/policy/justification', justification.fresh),
    post('/policy/justification', justification.create),
    post('/policy/justification/trial', justification.trial),
    get('/policy/justification/trial', justification.back),
    get('/policy/request-life', requestLife.fresh),
    post('/policy/request-life', requestLife.create),
    get('/policy/recordings', retention.fresh),
    post('/policy/recordings', retention.create),
    post('/policy/proposals/:id/approval', policy.apply),
    post('/policy/proposals/:id/rejection', policy.reject),
    post('/policy/proposals/:id/withdrawal', policy.withdraw),
    get('/roles/:id/policy', role.fresh),
    post('/roles/:id/policy', role.create),
    get('/data-sources/:id/policy', source.fresh),
    post('/data-sources/:id/policy', source.create),
    post('/data-sources/:id/policy/trial', source.trial),
    get('/data-sources/:id/policy/trial', source.back),
    get('/groups', groups.index),
    get('/groups/new', groups.fresh),
    post('/groups', groups.create),
    get('/groups/:id', groups.show),
    get('/groups/:id/definition', groups.definition),
    post('/groups/:id/definition', groups.define),
    post('/groups/:id/members', groups.add),
    post('/groups/:id/members/removal', groups.remove),
    get('/groups/:id/members', groups.back),
    get('/groups/:id/members/removal', groups.back),
  ]
}

/** What the API answers without a token, under /api/v1. */
export function publicApiRoutes(): readonly Route[] {
  return [get('/openapi.json', openApi)]
}

/** What the API answers to a token, under /api/v1; pages post to the same resources. */
export function apiRoutes(deps: PortalDeps & { readonly metrics: Metrics }): readonly Route[] {
  const api = administrationApi(deps)
  const alerts = alertsApi(deps)
  const checks = checksApi(deps)
  const always = [
    get('/me', api.me),
    get('/metrics', deps.metrics.show),
    get('/alerts', alerts.index),
    get('/alerts/rules', alerts.rules),
    post('/alerts/rules', alerts.setRule),
    get('/tasks', tasksApi(deps).index),
    get('/data-sources', api.dataSources),
    post('/data-sources', api.createDataSource),
    post('/data-sources/:name/check', checks.ofSource),
    post('/roles/:id/check', checks.ofRole),
    get('/checks/:id', checks.show),
    get('/roles', api.roles),
    post('/roles', api.createRole),
    get('/groups', api.groups),
    post('/groups', api.createGroup),
    get('/users', api.users),
    post('/users', api.createUser),
    ...policyApiRoutes(deps),
  ]
  return deps.config.portal.mode ? [...always, ...sessionApiRoutes(deps)] : always
}

function policyApiRoutes(deps: PortalDeps): Route[] {
  const reading = policyReadingApi(deps)
  const changes = policyChangesApi(deps)
  return [
    get('/policy', reading.show),
    get('/policy/versions', reading.versions),
    get('/policy/versions/:version', reading.version),
    post('/policy/justification', changes.changeJustification),
    post('/policy/justification/trial', changes.tryJustification),
    post('/policy/request-life', changes.changeRequestLife),
    post('/policy/recordings', changes.changeRetention),
    post('/policy/proposals/:id/approval', changes.apply),
    post('/policy/proposals/:id/rejection', changes.reject),
    post('/policy/proposals/:id/withdrawal', changes.withdraw),
    post('/roles/:id/policy', changes.changeRole),
    post('/groups/:id/definition', changes.defineGroup),
    post('/groups/:id/members', changes.addMembers),
    post('/groups/:id/members/removal', changes.removeMembers),
    post('/data-sources/:id/policy', changes.changeSource),
  ]
}

function sessionApiRoutes(deps: PortalDeps): Route[] {
  const sessions = sessionsApi(deps)
  const extensions = extensionsApi(deps)
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
    get('/sessions/:id/running', sessions.running),
    get('/sessions/:id/residue', residueApi(deps).ofSession),
    post('/sessions/:id/repetition', extensions.repeat),
    post('/sessions/:id/extension', extensions.create),
    get('/sessions/:id/extensions', extensions.ofSession),
    get('/extensions', extensions.index),
    get('/extensions/:id', extensions.show),
    post('/extensions/:id/approval', extensions.approve),
    post('/extensions/:id/denial', extensions.deny),
    post('/extensions/:id/cancellation', extensions.cancel),
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
