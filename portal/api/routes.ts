import { administrationApi } from './administration.ts'
import { alertsApi } from './alerts.ts'
import { checksApi } from './checks.ts'
import { auditApi } from './audit.ts'
import { savedFiltersApi } from './audit-saved.ts'
import { extensionsApi } from './extensions.ts'
import type { Metrics } from './metrics.ts'
import { openApi } from './openapi.ts'
import { policyChangesApi, policyReadingApi } from './policy.ts'
import { recordingsApi } from './recordings.ts'
import { residueApi } from './residue.ts'
import { sessionsApi } from './sessions.ts'
import { tasksApi } from './tasks.ts'
import type { PortalDeps } from '../deps.ts'
import { get, post, type Route } from '../route.ts'

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
  const recordings = recordingsApi(deps)
  const extensions = extensionsApi(deps)
  const audit = auditApi(deps)
  const filters = savedFiltersApi(deps)
  return [
    get('/sessions', sessions.index),
    post('/sessions', sessions.create),
    post('/sessions/termination', sessions.terminateAll),
    get('/sessions/:id', sessions.show),
    post('/sessions/:id/approval', sessions.approve),
    post('/sessions/:id/denial', sessions.deny),
    post('/sessions/:id/cancellation', sessions.cancel),
    post('/sessions/:id/termination', sessions.terminate),
    post('/sessions/:id/credential', sessions.credential),
    post('/sessions/:id/hiding', sessions.hide),
    post('/sessions/:id/hiding/removal', sessions.showAgain),
    get('/sessions/:id/connections', recordings.connections),
    get('/sessions/:id/statements', recordings.statements),
    get('/sessions/:id/statements/download', recordings.download),
    get('/sessions/:id/statements/:connection/:number', recordings.statement),
    get('/sessions/:id/running', recordings.running),
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
    get('/audit/filters', filters.index),
    post('/audit/filters', filters.create),
    get('/audit/filters/:id', filters.show),
    post('/audit/filters/:id', filters.change),
    post('/audit/filters/:id/deletion', filters.remove),
  ]
}
