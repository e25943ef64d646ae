import { administrationApi } from './administration.ts'
import { alertsApi } from './alerts.ts'
import { checksApi } from './checks.ts'
import { auditApi } from './audit.ts'
import { savedFiltersApi } from './audit-saved.ts'
import { extensionsApi } from './extensions.ts'
import type { Metrics } from './metrics.ts'
import { mfaApi } from './mfa.ts'
import { openApi } from './openapi.ts'
import { passwordsApi } from './passwords.ts'
import { policyChangesApi, policyReadingApi } from './policy.ts'
import { recordingsApi } from './recordings.ts'
import { residueApi } from './residue.ts'
import { sessionsApi } from './sessions.ts'
import { signInsApi } from './sign-ins.ts'
import { tasksApi } from './tasks.ts'
import { applicationsApi, tokensApi } from './tokens.ts'
import { userImportApi } from './user-import.ts'
import { usersApi } from './users.ts'
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
  const passwords = passwordsApi(deps)
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
    post('/users', api.createUser),
    ...userApiRoutes(deps),
    ...tokenApiRoutes(deps),
    post('/account/password', passwords.changeOwn),
    get('/users/:id/password', passwords.show),
    post('/users/:id/password', passwords.set),
    post('/users/:id/password-link', passwords.link),
    ...signInApiRoutes(deps),
    ...mfaApiRoutes(deps),
    ...policyApiRoutes(deps),
  ]
  return deps.config.portal.mode ? [...always, ...sessionApiRoutes(deps)] : always
}

function mfaApiRoutes(deps: PortalDeps): Route[] {
  const mfa = mfaApi(deps)
  return [
    get('/settings/mfa', mfa.show),
    post('/settings/mfa', mfa.change),
    get('/settings/mfa/users', mfa.people),
    post('/users/:id/mfa/reset', mfa.reset),
  ]
}

function signInApiRoutes(deps: PortalDeps): Route[] {
  const signIns = signInsApi(deps)
  return [
    get('/account/sign-ins', signIns.own),
    post('/account/sign-ins/termination', signIns.endOthers),
    post('/account/sign-ins/:id/termination', signIns.endOwn),
    get('/sign-ins', signIns.index),
    get('/sign-ins/:id', signIns.show),
    get('/sign-ins/:id/records', signIns.records),
    post('/sign-ins/:id/termination', signIns.terminate),
  ]
}

function tokenApiRoutes(deps: PortalDeps): Route[] {
  const tokens = tokensApi(deps)
  const applications = applicationsApi(deps)
  return [
    get('/tokens', tokens.index),
    post('/tokens', tokens.create),
    post('/tokens/:id/deletion', tokens.remove),
    get('/users/:id/tokens', tokens.ofUser),
    get('/applications', applications.index),
    post('/applications', applications.create),
    get('/applications/:id', applications.show),
    post('/applications/:id', applications.change),
    get('/applications/:id/tokens', tokens.ofApplication),
    post('/applications/:id/tokens', applications.createToken),
    post('/applications/:id/lock', applications.lock),
    post('/applications/:id/unlock', applications.unlock),
    post('/applications/:id/deletion', applications.remove),
  ]
}

function userApiRoutes(deps: PortalDeps): Route[] {
  const users = usersApi(deps)
  return [
    get('/users', users.index),
    get('/users/duties', users.duties),
    post('/users/import', userImportApi(deps)),
    get('/users/:id', users.show),
    post('/users/:id', users.change),
    post('/users/:id/groups', users.group),
    post('/users/:id/lock', users.lock),
    post('/users/:id/unlock', users.unlock),
    post('/users/:id/disable', users.disable),
    post('/users/:id/enable', users.enable),
    post('/users/:id/deletion', users.remove),
  ]
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
