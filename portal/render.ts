import path from 'node:path'
import ejs from 'ejs'
import type { Response } from 'express'
import { projectRoot } from '../lib/project.ts'
import { nonceOf } from './headers.ts'
import type * as pages from './presenters/pages.ts'

/** Every view that is a page, and the one object it takes. */
export interface Views {
  readonly error: pages.ErrorPage
  readonly 'sign-in/fresh': pages.SignInPage
  readonly 'password/fresh': pages.FreshPasswordPage
  readonly 'password/forgotten': pages.ForgottenPasswordPage
  readonly 'password/worthless': pages.WorthlessLinkPage
  readonly 'password/first': pages.FirstAdminPage
  readonly 'account/show': pages.AccountPage
  readonly 'mfa/proof': pages.ProofPage
  readonly 'mfa/own': pages.OwnFactorsPage
  readonly 'mfa/app': pages.TotpPage
  readonly 'mfa/codes': pages.RecoveryCodesPage
  readonly 'mfa/settings': pages.MfaSettingsPage
  readonly 'mfa/user': pages.UserFactorsPage
  readonly 'sessions/index': pages.SessionsPage
  readonly 'sessions/fresh': pages.FreshSessionPage
  readonly 'sessions/show': pages.SessionPage
  readonly 'sessions/running': pages.RunningPage
  readonly 'sessions/statement': pages.StatementPage
  readonly 'approvals/index': pages.ApprovalsPage
  readonly 'history/index': pages.HistoryPage
  readonly 'audit/index': pages.AuditPage
  readonly 'audit/show': pages.AuditRecordPage
  readonly 'audit/news': pages.AuditNewsPage
  readonly 'audit/saved': pages.SavedFiltersPage
  readonly 'data-sources/index': pages.DataSourcesPage
  readonly 'data-sources/check': pages.CheckPage
  readonly 'data-sources/fresh': pages.FreshDataSourcePage
  readonly 'roles/index': pages.RolesPage
  readonly 'roles/fresh': pages.FreshRolePage
  readonly 'roles/policy': pages.RolePolicyPage
  readonly 'data-sources/policy': pages.SourcePolicyPage
  readonly 'policy/index': pages.PolicyPage
  readonly 'policy/version': pages.PolicyVersionPage
  readonly 'policy/justification': pages.JustificationPage
  readonly 'policy/request-life': pages.RequestLifePage
  readonly 'policy/recordings': pages.RetentionPage
  readonly 'groups/index': pages.GroupsPage
  readonly 'groups/show': pages.GroupPage
  readonly 'groups/fresh': pages.GroupFormPage
  readonly 'users/index': pages.UsersPage
  readonly 'users/fresh': pages.FreshUserPage
  readonly 'users/import': pages.ImportPage
  readonly 'users/import-preview': pages.ImportPreviewPage
  readonly 'users/show': pages.UserPage
  readonly 'tokens/index': pages.TokensPage
  readonly 'applications/index': pages.ApplicationsPage
  readonly 'applications/fresh': pages.FreshApplicationPage
  readonly 'applications/show': pages.ApplicationPage
  readonly 'applications/audit': pages.ApplicationsAuditPage
  readonly 'users/duties': pages.DutiesPage
  readonly 'users/deletion': pages.UserDeletionPage
  readonly 'users/password': pages.UserPasswordPage
  readonly 'alerts/index': pages.AlertsPage
  readonly 'alerts/rules': pages.AlertRulesPage
  readonly 'tasks/index': pages.TasksPage
  readonly 'sign-ins/index': pages.SignInsPage
  readonly 'account/sign-ins': pages.OwnSignInsPage
}

const VIEWS = path.join(projectRoot, 'views')
const OPTIONS: ejs.Options = { strict: true, localsName: 'v', _with: false, cache: true }

/**
 * Answers with a view, which sees the model as `v`, with this answer's nonce in its page, and
 * nothing else: neither the query nor the application's own settings can reach a template.
 */
export async function render<View extends keyof Views>(
  res: Response,
  view: View,
  model: Views[View],
): Promise<void> {
  const page = { ...model.page, nonce: nonceOf(res) }
  const html = await ejs.renderFile(path.join(VIEWS, `${view}.ejs`), { ...model, page }, OPTIONS)
  res.type('html').send(html)
}
