import type { Alert } from '../../db/alert-lists.ts'
import { ALERT_TITLES, type AlertPolicy } from '../../db/alert-rules.ts'
import { iso } from '../../db/store.ts'

/** An alert as the API shows it. */
export function alertJson(alert: Alert): Record<string, unknown> {
  const { id, rule, key, detail, sessionId, dataSource, raisedAt, seenAt, resolvedAt } = alert
  return {
    id,
    rule,
    title: ALERT_TITLES[rule],
    key,
    detail,
    sessionId,
    dataSource,
    raisedAt: iso(raisedAt),
    seenAt: iso(seenAt),
    resolvedAt: resolvedAt && iso(resolvedAt),
  }
}

/** A rule as the API shows it. */
export function alertRuleJson(policy: AlertPolicy): Record<string, unknown> {
  const { rule, enabled, afterSeconds, mailed, group } = policy
  const title = ALERT_TITLES[rule]
  return { rule, title, enabled, afterSeconds, mailed, group: group?.name ?? null }
}
