import { DateTime } from 'luxon'
import type { Alert, AlertPage } from '../../db/alert-lists.ts'
import { ALERTS_ON_A_PAGE } from '../../db/alert-lists.ts'
import { ALERT_TITLES, policyText, type AlertPolicy } from '../../db/alert-rules.ts'
import type { AlertRule } from '../../db/alerts.ts'
import type { Group } from '../../db/groups.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import type { Shell } from '../shell.ts'
import type { Posted } from './administration.ts'
import type { AlertRow, AlertRuleRow, AlertRulesPage, AlertsPage } from './alert-pages.ts'
import { lengthText, presentMaybe, presentMoment, type Zones } from './moments.ts'
import type { Pager } from './pieces.ts'
import { counted } from './counted.ts'
import { visible } from './visible.ts'
import { withTimes } from './zones.ts'

/** What the page of alerts is drawn from. */
export interface AlertFacts {
  readonly open: AlertPage
  readonly resolved: AlertPage
  readonly policies: readonly AlertPolicy[]
  /** True on the first page of the resolved ones. */
  readonly isNewest: boolean
  /** False where sessions have no pages. */
  readonly portalMode: boolean
}

/** Open alerts on top, resolved ones below. */
export function presentAlerts({ page, zones }: Shell, facts: AlertFacts): AlertsPage {
  const { open, resolved, policies, portalMode } = facts
  const now = DateTime.utc()
  const row = (alert: Alert): AlertRow => presentAlert(alert, { zones, now, portalMode })
  return {
    page,
    open: open.alerts.map(row),
    openText:
      open.next === undefined
        ? counted(open.alerts.length, 'open alert')
        : `More than ${String(ALERTS_ON_A_PAGE)} open alerts, the newest of them here`,
    empty: { heading: 'Nothing is wrong', text: 'Daypass looks every 5 seconds.' },
    resolved: resolved.alerts.map(row),
    pager: presentPager(facts),
    off: policies.filter(({ enabled }) => !enabled).map(({ rule }) => ALERT_TITLES[rule]),
  }
}

function presentPager({ resolved, isNewest }: AlertFacts): Pager | undefined {
  if (isNewest && resolved.next === undefined) return undefined
  return {
    newest: isNewest ? undefined : '/alerts',
    older: resolved.next && `/alerts?cursor=${resolved.next}`,
    text: counted(resolved.alerts.length, 'resolved alert'),
  }
}

interface AlertFrame {
  readonly zones: Zones
  readonly now: DateTime<true>
  readonly portalMode: boolean
}

function presentAlert(alert: Alert, { zones, now, portalMode }: AlertFrame): AlertRow {
  const { id, rule, detail, sessionId, dataSource, raisedAt, resolvedAt } = alert
  return {
    id,
    rule,
    title: ALERT_TITLES[rule],
    detail: visible(withTimes(detail, zones.central)),
    raised: presentMoment(raisedAt, zones),
    lasted: lengthText((resolvedAt ?? now).toMillis() - raisedAt.toMillis()),
    resolved: presentMaybe(resolvedAt, zones),
    session:
      sessionId !== null && portalMode
        ? { href: `/sessions/${sessionId}`, label: `Session ${sessionId}` }
        : undefined,
    dataSource: dataSource === null ? undefined : visible(dataSource),
  }
}

/** What the page of rules is drawn from; without groups its reader may change nothing. */
export interface AlertRuleFacts {
  readonly policies: readonly AlertPolicy[]
  readonly groups: readonly Group[] | undefined
  readonly posted: Posted
}

/** Each rule as it stands, with its form for admins. */
export function presentAlertRules({ page }: Shell, facts: AlertRuleFacts): AlertRulesPage {
  const rule = fieldsOf(facts.posted.body).text('rule')
  return {
    page,
    errors: summaryOf(facts.posted.mistakes).map(({ field, text }) => ({
      field: field === 'rule' ? 'main' : `${field}-${visible(rule)}`,
      text,
    })),
    rows: facts.policies.map((policy) => ({
      rule: policy.rule,
      title: ALERT_TITLES[policy.rule],
      text: visible(policyText(policy)),
      enabled: policy.enabled,
      about: ABOUT[policy.rule],
      form: facts.groups && presentForm(policy, facts.groups, facts.posted),
    })),
  }
}

function presentForm(
  policy: AlertPolicy,
  groups: readonly Group[],
  { body, mistakes }: Posted,
): AlertRuleRow['form'] {
  const fields = fieldsOf(body)
  const isPosted = fields.text('rule') === policy.rule
  const chosen = isPosted ? fields.text('group') : (policy.group?.name ?? '')
  const kept = policy.afterSeconds === null ? undefined : String(policy.afterSeconds)
  return {
    opened: isPosted,
    enabled: isPosted ? fields.text('enabled') === 'true' : policy.enabled,
    mailed: isPosted ? fields.text('mailed') === 'true' : policy.mailed,
    ...(kept === undefined
      ? {}
      : {
          afterSeconds: {
            value: isPosted ? fields.text('afterSeconds') : kept,
            error: isPosted ? mistakes['afterSeconds'] : undefined,
          },
        }),
    groups: [
      { value: '', label: 'Every admin', chosen: chosen === '' },
      ...groups.map(({ name }) => ({
        value: name,
        label: visible(name),
        chosen: name === chosen,
      })),
    ],
    groupError: isPosted ? mistakes['group'] : undefined,
  }
}

const ABOUT: Readonly<Record<AlertRule, string>> = {
  removal_late:
    'A session is over and its database user is still there. The alert says whether that user can still log in directly, past the proxies.',
  grant_late: 'A session is approved, its time has come, and it is not granted.',
  end_late: 'A session is past its end and still granted. The proxy has cut its connections.',
  login_unaccounted: 'A role that may log in is marked as a session user and no session has it.',
  role_altered: 'Somebody changed the login, password or end of a session user past Daypass.',
  lock_held:
    'Somebody on the data source took the lock under which Daypass makes and lets in a session user. Its connection is ended.',
  password_changed:
    'A statement through the proxy changed a password: PostgreSQL lets every user change their own.',
  recording_gap:
    'A part of the recording was lost on the disk of a proxy: what ran there is in no recording.',
  residue: 'Something that a session made or changed is still on the data source after it.',
  direct_access: 'A session user could log in to the data source without the proxy.',
  data_source_unreachable: "The broker can't compare a data source with the store.",
  mail_failing: 'The mail server takes no letters, or leaves some of them waiting.',
}
