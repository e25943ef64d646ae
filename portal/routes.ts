import type { PortalDeps } from './deps.ts'
import { dataSourcePages, rolePages } from './pages/administration.ts'
import { alertPages } from './pages/alerts.ts'
import { auditPages } from './pages/audit.ts'
import { auditRecordPage } from './pages/audit-record.ts'
import { savedFilterPages } from './pages/audit-saved.ts'
import { checkPages } from './pages/checks.ts'
import { extensionPages } from './pages/extension.ts'
import { freshSessionPages } from './pages/fresh-session.ts'
import { groupPages } from './pages/groups.ts'
import { historyPages } from './pages/history.ts'
import { home } from './pages/home.ts'
import { policyPages } from './pages/policy.ts'
import { runningPage } from './pages/running.ts'
import { sessionPages } from './pages/session.ts'
import { sessionLists } from './pages/sessions.ts'
import { signInPages, type SignInDeps } from './pages/sign-in.ts'
import { statementPage } from './pages/statement.ts'
import { taskPages } from './pages/tasks.ts'
import {
  justificationPages,
  requestLifePages,
  retentionPages,
  roleTermsPages,
  sourceTermsPages,
} from './pages/terms.ts'
import { userPages } from './pages/users.ts'
import { recordingDownload } from './recording-download.ts'
import { get, post, type Route } from './route.ts'

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

/** Reloading the answer to one of these posts leads back to the session. */
const POSTED =
  'approval denial cancellation termination credential hiding hiding/removal repetition extension'.split(
    ' ',
  )

function sessionRoutes(deps: PortalDeps): Route[] {
  const lists = sessionLists(deps)
  const history = historyPages(deps)
  const fresh = freshSessionPages(deps)
  const session = sessionPages(deps)
  const extension = extensionPages(deps)
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
    get('/sessions/:id/statements/download', recordingDownload(deps)),
    get('/sessions/:id/statements/:connection/:number', statementPage(deps)),
    post('/sessions/:id/approval', session.approve),
    post('/sessions/:id/denial', session.deny),
    post('/sessions/:id/cancellation', session.cancel),
    post('/sessions/:id/termination', session.terminate),
    post('/sessions/:id/credential', session.credential),
    post('/sessions/:id/hiding', history.hide),
    post('/sessions/:id/hiding/removal', history.showAgain),
    post('/sessions/:id/repetition', fresh.repeat),
    post('/sessions/:id/extension', extension.create),
    ...POSTED.map((resource) => get(`/sessions/:id/${resource}`, session.back)),
    get('/extensions/:id', extension.show),
    post('/extensions/:id/approval', extension.approve),
    post('/extensions/:id/denial', extension.deny),
    post('/extensions/:id/cancellation', extension.cancel),
    ...['approval', 'denial', 'cancellation'].map((resource) =>
      get(`/extensions/:id/${resource}`, extension.show),
    ),
    get('/approvals', lists.approvals),
    get('/history', history.index),
    ...auditRoutes(deps),
  ]
}

function auditRoutes(deps: PortalDeps): Route[] {
  const audit = auditPages(deps)
  const saved = savedFilterPages(deps)
  return [
    get('/audit', audit.index),
    get('/audit/download', audit.download),
    get('/audit/news', audit.news),
    get('/audit/filters', saved.index),
    post('/audit/filters', saved.create),
    get('/audit/filters/:id', saved.open),
    post('/audit/filters/:id', saved.change),
    post('/audit/filters/:id/deletion', saved.remove),
    get('/audit/filters/:id/deletion', saved.back),
    get('/audit/:record', auditRecordPage(deps)),
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
