import type { RequestHandler } from 'express'
import { listAlerts } from '../../db/alert-lists.ts'
import { listAlertPolicies } from '../../db/alert-rules.ts'
import { listGroups } from '../../db/groups.ts'
import { isUuid } from '../../lib/ids.ts'
import { setAlertRule } from '../alert-rules.ts'
import type { PortalDeps } from '../deps.ts'
import { readAlertRule } from '../forms/alert-rule.ts'
import { fieldsOf } from '../forms/fields.ts'
import { UNPOSTED } from '../presenters/administration.ts'
import { presentAlertRules, presentAlerts } from '../presenters/alerts.ts'
import { mayAdminister, mayOversee, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'
import { creation, type ShowForm } from './administration.ts'

/** What is wrong now, what was, and which of it people are told of. */
export function alertPages(deps: PortalDeps) {
  const { db } = deps.store

  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(mayOversee(scope))
    const cursor = fieldsOf(req.query).text('cursor')
    const before = isUuid(cursor) ? cursor : undefined
    const [shell, open, resolved, policies] = await Promise.all([
      openShell(deps, req, 'Alerts'),
      listAlerts(db, scope, { open: true }),
      listAlerts(db, scope, { open: false, before }),
      listAlertPolicies(db, scope.organization),
    ])
    const isNewest = before === undefined
    const { mode: portalMode } = deps.config.portal
    const facts = { open, resolved, policies, isNewest, portalMode }
    await render(res, 'alerts/index', presentAlerts(shell, facts))
  }

  const show: ShowForm = async (req, res, posted) => {
    const { scope } = visitOf(req)
    const [shell, policies, groups] = await Promise.all([
      openShell(deps, req, 'Alert rules'),
      listAlertPolicies(db, scope.organization),
      mayAdminister(scope) ? listGroups(db, scope) : undefined,
    ])
    await render(res, 'alerts/rules', presentAlertRules(shell, { policies, groups, posted }))
  }
  const rules: RequestHandler = async (req, res) => {
    orNotFound(mayOversee(visitOf(req).scope))
    await show(req, res, UNPOSTED)
  }
  const setRule = creation(show, readAlertRule, async (req, command) => {
    await setAlertRule(deps, visitOf(req), command)
    await flash(req, 'ok', 'The rule was changed.')
    return '/alerts/rules'
  })

  return { index, rules, setRule }
}
