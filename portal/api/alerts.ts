import type { RequestHandler } from 'express'
import { listAlerts } from '../../db/alert-lists.ts'
import { listAlertPolicies } from '../../db/alert-rules.ts'
import { isUuid } from '../../lib/ids.ts'
import { setAlertRule } from '../alert-rules.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { readBody } from '../forms/body.ts'
import { fieldsOf } from '../forms/fields.ts'
import { alertJson, alertRuleJson } from '../presenters/alert-json.ts'
import { mayAdminister, mayOversee, orNotEntitled } from '../privileges.ts'
import { visitOf } from '../visit.ts'
import { alertRuleBody } from './bodies.ts'

/** Alerts and their rules as JSON. */
export function alertsApi(deps: PortalDeps) {
  const { db } = deps.store

  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(mayOversee(scope))
    const { open, before } = readQuery(req.query)
    const { alerts, next } = await listAlerts(db, scope, { open, before })
    res.json({ alerts: alerts.map(alertJson), next: next ?? null })
  }

  const rules: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(mayOversee(scope))
    const policies = await listAlertPolicies(db, scope.organization)
    res.json({ rules: policies.map(alertRuleJson) })
  }

  const setRule: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    orNotEntitled(mayAdminister(visit.scope))
    const { group, ...command } = readBody(req, alertRuleBody)
    await setAlertRule(deps, visit, { ...command, group: group ?? undefined })
    const policies = await listAlertPolicies(db, visit.scope.organization)
    const now = policies.find(({ rule }) => rule === command.rule)
    res.json(now === undefined ? {} : alertRuleJson(now))
  }

  return { index, rules, setRule }
}

function readQuery(query: unknown): {
  readonly open: boolean | undefined
  readonly before: string | undefined
} {
  const fields = fieldsOf(query)
  const [open, cursor] = [fields.text('open'), fields.text('cursor')]
  if (!['', 'true', 'false'].includes(open)) {
    throw new InvalidRequest({ open: 'Use true or false, or leave it out for both.' })
  }
  if (cursor !== '' && !isUuid(cursor)) {
    throw new InvalidRequest({
      cursor: 'This is no cursor of ours: take `next` of an answer as it is.',
    })
  }
  return {
    open: open === '' ? undefined : open === 'true',
    before: cursor === '' ? undefined : cursor,
  }
}
