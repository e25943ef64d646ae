import { openAttempts, openCodeTries } from './attempts.ts'
import type { PortalDeps } from './deps.ts'
import { guarded } from './mfa/guarded.ts'
import { accountPages } from './pages/account.ts'
import { dataSourcePages, rolePages } from './pages/administration.ts'
import { alertPages } from './pages/alerts.ts'
import { applicationsAuditPage } from './pages/applications-audit.ts'
import { applicationPages } from './pages/applications.ts'
import { auditPages } from './pages/audit.ts'
import { auditRecordPage } from './pages/audit-record.ts'
import { savedFilterPages } from './pages/audit-saved.ts'
import { checkPages } from './pages/checks.ts'
import { extensionPages } from './pages/extension.ts'
import { freshSessionPages } from './pages/fresh-session.ts'
import { groupPages } from './pages/groups.ts'
import { historyPages } from './pages/history.ts'
import { home } from './pages/home.ts'
import { ownAppPages } from './pages/mfa-app.ts'
import { ownFactorPages } from './pages/mfa-own.ts'
import { factorAtSignIn, stepUpPages } from './pages/mfa-proof.ts'
import { mfaSettingsPages, userFactorPages } from './pages/mfa-settings.ts'
import { passwordAtSignIn } from './pages/password-at-sign-in.ts'
import { passwordPages } from './pages/password.ts'
import { policyPages } from './pages/policy.ts'
import { runningPage } from './pages/running.ts'
import { sessionPages } from './pages/session.ts'
import { sessionLists } from './pages/sessions.ts'
import { setupPages } from './pages/setup.ts'
import { signInPages, type SignInDeps } from './pages/sign-in.ts'
import { signInListPages } from './pages/sign-ins.ts'
import { ownSignInPages } from './pages/own-sign-ins.ts'
import { statementPage } from './pages/statement.ts'
import { taskPages } from './pages/tasks.ts'
import { tokenPages } from './pages/tokens.ts'
import {
  justificationPages,
  requestLifePages,
  retentionPages,
  roleTermsPages,
  sourceTermsPages,
} from './pages/terms.ts'
import { userDeletionPages } from './pages/user-deletion.ts'
import { userPasswordPages } from './pages/user-password.ts'
import { userProfilePages } from './pages/user-profile.ts'
import { userImportPages } from './pages/user-import.ts'
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
    ...passwordRoutes(deps),
    ...secondFactorRoutes(deps),
    ...administrationPages(deps),
  ]
  return guarded(deps, deps.config.portal.mode ? [...always, ...sessionRoutes(deps)] : always)
}

/** Choosing a password, at every time one is chosen. */
function passwordRoutes(deps: SignInDeps): Route[] {
  const password = passwordPages(deps)
  const setup = setupPages(deps)
  const atSignIn = passwordAtSignIn(deps)
  const account = accountPages(deps)
  return [
    get('/password/link', password.open),
    get('/password/new', password.fresh),
    post('/password/new', password.create),
    get('/password/forgotten', password.forgotten),
    post('/password/forgotten', password.send),
    get('/setup', setup.fresh),
    post('/setup', setup.create),
    get('/sign-in/password', atSignIn.fresh),
    post('/sign-in/password', atSignIn.create),
    get('/account', account.show),
    get('/account/password', account.freshPassword),
    post('/account/password', account.changePassword),
  ]
}

/** Second factors: giving one, having some, asking for them. */
function secondFactorRoutes(deps: SignInDeps): Route[] {
  const counted = {
    ...deps,
    factorAttempts: openAttempts(deps, 'second factor'),
    codeTries: openCodeTries(deps),
  }
  const atSignIn = factorAtSignIn(counted)
  const stepUp = stepUpPages(counted)
  const own = ownFactorPages(counted)
  const app = ownAppPages(counted)
  const settings = mfaSettingsPages(deps)
  const user = userFactorPages(deps)
  return [
    get('/sign-in/mfa', atSignIn.fresh),
    post('/sign-in/mfa', atSignIn.create),
    post('/sign-in/mfa/challenge', atSignIn.challenge),
    get('/step-up', stepUp.fresh),
    post('/step-up', stepUp.create),
    post('/step-up/challenge', stepUp.challenge),
    get('/account/mfa', own.show),
    get('/account/mfa/totp', app.app),
    post('/account/mfa/totp', app.begin),
    post('/account/mfa/totp/confirmation', app.confirm),
    post('/account/mfa/totp/removal', app.removeApp),
    post('/account/mfa/passkeys', own.addKey),
    post('/account/mfa/passkeys/challenge', own.challenge),
    post('/account/mfa/passkeys/:id/removal', own.removeKey),
    post('/account/mfa/recovery-codes', own.remakeCodes),
    ...['totp/confirmation', 'passkeys', 'recovery-codes'].map((resource) =>
      get(`/account/mfa/${resource}`, own.back),
    ),
    get('/settings/mfa', settings.fresh),
    post('/settings/mfa', settings.change),
    get('/users/:id/mfa', user.show),
    post('/users/:id/mfa/reset', user.reset),
    get('/users/:id/mfa/reset', user.back),
  ]
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
    get('/audit/applications', applicationsAuditPage(deps)),
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
  const userImport = userImportPages(deps)
  const userPassword = userPasswordPages(deps)
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
    get('/users/duties', users.duties),
    get('/alerts', alerts.index),
    get('/alerts/rules', alerts.rules),
    post('/alerts/rules', alerts.setRule),
    get('/tasks', tasks.index),
    get('/users/new', users.fresh),
    get('/users/import', userImport.fresh),
    post('/users/import', userImport.preview),
    post('/users/import/confirmation', userImport.create),
    get('/users/import/confirmation', userImport.back),
    get('/users/import/template', userImport.template),
    post('/users', users.create),
    ...userRoutes(deps),
    get('/users/:id/password', userPassword.fresh),
    post('/users/:id/password', userPassword.set),
    post('/users/:id/password-link', userPassword.link),
    get('/users/:id/password-link', userPassword.back),
    ...signInRoutes(deps),
    ...tokenRoutes(deps),
    ...policyRoutes(deps),
  ]
}

function signInRoutes(deps: PortalDeps): Route[] {
  const signIns = signInListPages(deps)
  const own = ownSignInPages(deps)
  return [
    get('/account/sign-ins', own.index),
    post('/account/sign-ins/termination', own.terminateOthers),
    get('/account/sign-ins/termination', own.back),
    post('/account/sign-ins/:id/termination', own.terminate),
    get('/account/sign-ins/:id/termination', own.back),
    get('/sign-ins', signIns.index),
    get('/sign-ins/:id', signIns.show),
    post('/sign-ins/:id/termination', signIns.terminate),
    get('/sign-ins/:id/termination', signIns.back),
  ]
}

function tokenRoutes(deps: PortalDeps): Route[] {
  const tokens = tokenPages(deps)
  const applications = applicationPages(deps)
  return [
    get('/account/tokens', tokens.index),
    post('/account/tokens', tokens.create),
    post('/tokens/:id/deletion', tokens.remove),
    get('/tokens/:id/deletion', tokens.back),
    get('/users/:id/tokens', tokens.ofUser),
    get('/applications', applications.index),
    get('/applications/new', applications.fresh),
    post('/applications', applications.create),
    get('/applications/:id', applications.show),
    post('/applications/:id', applications.change),
    post('/applications/:id/tokens', applications.createToken),
    get('/applications/:id/tokens', applications.back),
    post('/applications/:id/lock', applications.lock),
    post('/applications/:id/unlock', applications.unlock),
    post('/applications/:id/deletion', applications.remove),
    get('/applications/:id/deletion', applications.back),
  ]
}

function userRoutes(deps: PortalDeps): Route[] {
  const user = userProfilePages(deps)
  const deletion = userDeletionPages(deps)
  return [
    get('/users/:id', user.show),
    post('/users/:id', user.change),
    post('/users/:id/flags', user.flag),
    post('/users/:id/groups', user.group),
    post('/users/:id/lock', user.lock),
    post('/users/:id/unlock', user.unlock),
    post('/users/:id/disable', user.disable),
    post('/users/:id/enable', user.enable),
    get('/users/:id/deletion', deletion.fresh),
    post('/users/:id/deletion', deletion.create),
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
