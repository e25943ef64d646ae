import { ALERT_RULES, resolveAlerts, type AlertRule } from './alerts.ts'
import { appendRecord } from './audit-log.ts'
import type { Group } from './groups.ts'
import type { Organization } from './person.ts'
import type { Origin } from './scope.ts'
import { iso, rows, storeTime, type Db, type Transaction } from './store.ts'

/** How a rule is applied: as an admin set it, or as Daypass comes. */
export interface AlertPolicy {
  readonly rule: AlertRule
  readonly enabled: boolean
  /** How long a breach lasts before anybody is told; null where the rule knows no delay. */
  readonly afterSeconds: number | null
  readonly mailed: boolean
  /** Who is told; null: every admin. */
  readonly group: Pick<Group, 'id' | 'name'> | null
  /** False while nobody has changed it. */
  readonly changed: boolean
}

/** Longer, and a breach of a day would pass unnoticed. The schema says the same. */
export const LONGEST_DELAY_SECONDS = 86_400

/** Seconds that a breach may last before it is told of; only rules that a broker watches have them. */
export const DELAYS: Partial<Readonly<Record<AlertRule, number>>> = {
  removal_late: 10,
  grant_late: 10,
  end_late: 5,
  data_source_unreachable: 30,
  mail_failing: 300,
}

/** Each rule in the words of its page and its letters. */
export const ALERT_TITLES: Readonly<Record<AlertRule, string>> = {
  removal_late: 'A database user outlived its session',
  grant_late: 'A session did not start in time',
  end_late: 'A session did not end in time',
  login_unaccounted: 'A database user that no session accounts for',
  role_altered: 'A session user was altered by hand',
  lock_held: 'Somebody held up the work on a session user',
  password_changed: 'A password was changed in a session',
  recording_gap: 'A part of a recording is missing',
  residue: 'A session left something behind',
  direct_access: 'Session users may reach the data source past the proxy',
  data_source_unreachable: "A data source can't be reached",
  mail_failing: "Letters can't be sent",
}

/** A letter that can't be sent would say that letters can't be sent. */
const UNMAILED: ReadonlySet<AlertRule> = new Set(['mail_failing'])

/** Every rule of an organization, in the order of ALERT_RULES. */
export async function listAlertPolicies(
  db: Db,
  { id }: Pick<Organization, 'id'>,
): Promise<AlertPolicy[]> {
  const kept = await rows<Omit<AlertPolicy, 'changed'>>(
    db,
    `select r.rule, r.enabled, r.after_seconds as "afterSeconds", r.mailed,
            case when g.id is not null then json_build_object('id', g.id, 'name', g.name) end as "group"
       from alert_rules r
       left join groups g on g.id = r.group_id
      where r.organization_id = :id`,
    { id },
  )
  return ALERT_RULES.map((rule) => {
    const policy = kept.find((candidate) => candidate.rule === rule)
    if (policy === undefined) return defaultPolicy(rule)
    const delay = DELAYS[rule] ?? null
    return {
      ...policy,
      afterSeconds: delay === null ? null : (policy.afterSeconds ?? delay),
      changed: true,
    }
  })
}

function defaultPolicy(rule: AlertRule): AlertPolicy {
  return {
    rule,
    enabled: true,
    afterSeconds: DELAYS[rule] ?? null,
    mailed: !UNMAILED.has(rule),
    group: null,
    changed: false,
  }
}

/** What an admin may set of a rule. */
export type AlertPolicyChange = Omit<AlertPolicy, 'changed'>

/** Sets a rule, with a record of what it was and is; one that is switched off lets go of its alerts. */
export async function changeAlertPolicy(
  tx: Transaction,
  origin: Origin,
  change: AlertPolicyChange,
): Promise<void> {
  const { organization } = origin
  // two admins at once: the record of each says what the other left
  await rows(tx, `select pg_advisory_xact_lock(hashtext('daypass alert_rules'))`)
  const before = await getPolicy(tx, organization, change.rule)
  const at = await storeTime(tx)
  await rows(
    tx,
    `insert into alert_rules (organization_id, rule, enabled, after_seconds, mailed, group_id, changed_at)
     values (:organization, :rule, :enabled, :afterSeconds, :mailed, :groupId, :at)
         on conflict (organization_id, rule) do update
        set enabled = excluded.enabled, after_seconds = excluded.after_seconds, mailed = excluded.mailed,
            group_id = excluded.group_id, changed_at = excluded.changed_at`,
    {
      organization: organization.id,
      rule: change.rule,
      enabled: change.enabled,
      afterSeconds: change.afterSeconds,
      mailed: change.mailed,
      groupId: change.group?.id ?? null,
      at: iso(at),
    },
  )
  const after = await getPolicy(tx, organization, change.rule)
  await appendRecord(tx, origin, at, {
    action: 'alert.rule_changed',
    area: 'alerts',
    outcome: 'ok',
    subject: { type: 'alert rule', id: change.rule, name: change.rule },
    details: { before: policyText(before), after: policyText(after) },
  })
  if (change.enabled) return
  const why = 'the rule was switched off'
  await resolveAlerts(tx, origin, at, { rule: change.rule, keep: [], why })
}

/** A rule in one sentence: `on, after 10 s, mailed to every admin`. */
export function policyText({ enabled, afterSeconds, mailed, group }: AlertPolicyChange): string {
  return [
    enabled ? 'on' : 'off',
    afterSeconds === null ? 'at once' : `after ${String(afterSeconds)} s`,
    mailed ? `mailed to ${group === null ? 'every admin' : `group ${group.name}`}` : 'not mailed',
  ].join(', ')
}

async function getPolicy(
  tx: Transaction,
  organization: Organization,
  rule: AlertRule,
): Promise<AlertPolicy> {
  const policies = await listAlertPolicies(tx, organization)
  return policies.find((policy) => policy.rule === rule) ?? defaultPolicy(rule)
}
