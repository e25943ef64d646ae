import type { DateTime } from 'luxon'
import type { AlertRule } from './alerts.ts'
import { ALERT_TITLES, type AlertPolicy } from './alert-rules.ts'
import { queueMail } from './mails.ts'
import { IS_OUT } from './person.ts'
import type { SessionId } from '../lib/ids.ts'
import { findRow, getRow, iso, rows, type Db, type Transaction } from './store.ts'

/** An alert that nobody was told of yet. */
export interface Untold {
  readonly id: string
  readonly rule: AlertRule
  readonly key: string
  readonly detail: string
  readonly sessionId: SessionId | null
}

/** A storm is one letter of each alert up to this many of a rule within the time; the page has them all. */
const LETTERS_AT_MOST = 10
const STORM_MINUTES = 10
/** Told at once; the next look takes the rest. */
const TOLD_AT_ONCE = 200

/** Takes the alerts that are new, past those that another broker is telling of. */
export function takeUntold(
  tx: Transaction,
  organizationId: string,
  at: DateTime<true>,
): Promise<Untold[]> {
  return rows(
    tx,
    `   update alerts
           set told_at = :at
         where id in (select id
                        from alerts
                       where organization_id = :organizationId
                         and told_at is null
                       order by raised_at, id
                       limit :most
                         for update skip locked)
     returning id, rule, key, detail, session_id as "sessionId"`,
    { organizationId, at: iso(at), most: TOLD_AT_ONCE },
  )
}

/** Writes the letters of one alert to whom its rule names, if it names anyone and no storm is on. */
export async function writeLetters(
  tx: Transaction,
  organizationId: string,
  { alert, policy, at }: { alert: Untold; policy: AlertPolicy; at: DateTime<true> },
): Promise<void> {
  if (!policy.mailed) return
  const before = await countBefore(tx, organizationId, { alert, at })
  if (before >= LETTERS_AT_MOST) return
  const isLast = before === LETTERS_AT_MOST - 1
  await queueMail(tx, organizationId, {
    kind: 'alert_raised',
    key: alert.id,
    to: await listTold(tx, organizationId, policy),
    ...(alert.sessionId === null ? {} : { sessionId: alert.sessionId }),
    facts: {
      rule: alert.rule,
      title: ALERT_TITLES[alert.rule],
      ...(isLast ? { storm: 'true' } : {}),
    },
    dueAt: at,
  })
}

/** Alerts of the same rule raised shortly before this one. */
async function countBefore(
  tx: Transaction,
  organizationId: string,
  { alert, at }: { alert: Untold; at: DateTime<true> },
): Promise<number> {
  const { count } = await getRow<{ count: number }>(
    tx,
    `select cast(count(*) as integer) as count
       from alerts
      where organization_id = :organizationId
        and rule = :rule
        and id < :id
        and raised_at > :since`,
    {
      organizationId,
      rule: alert.rule,
      id: alert.id,
      since: iso(at.minus({ minutes: STORM_MINUTES })),
    },
  )
  return count
}

/** What an alert says at this moment; undefined once it is resolved. */
export async function findOpenDetail(db: Db, id: string): Promise<string | undefined> {
  const alert = await findRow<{ detail: string }>(
    db,
    'select detail from alerts where id = cast(:id as uuid) and resolved_at is null',
    { id },
  )
  return alert?.detail
}

/** True where somebody is among those whom the rule of an alert names at this moment. */
export async function isToldOf(
  db: Db,
  organizationId: string,
  { rule, personId }: { readonly rule: string; readonly personId: string },
): Promise<boolean> {
  const told = await findRow(
    db,
    `select p.id
       from people p
  left join alert_rules r on r.organization_id = p.organization_id and r.rule = :rule
      where p.id = :personId
        and p.organization_id = :organizationId
        and case when r.group_id is null then p.management_privilege = 'admin'
                 else exists (select
                                from group_members m
                               where m.group_id = r.group_id
                                 and m.person_id = p.id) end`,
    { organizationId, rule, personId },
  )
  return told !== undefined
}

async function listTold(
  tx: Transaction,
  organizationId: string,
  { group }: AlertPolicy,
): Promise<string[]> {
  const found = await rows<{ id: string }>(
    tx,
    `select p.id
       from people p
      where p.organization_id = :organizationId
        and not ${IS_OUT}
        and p.email is not null
        and case when cast(:groupId as uuid) is null then p.management_privilege = 'admin'
                 else exists (select
                                from group_members m
                               where m.group_id = cast(:groupId as uuid)
                                 and m.person_id = p.id) end
      order by p.username`,
    { organizationId, groupId: group?.id ?? null },
  )
  return found.map(({ id }) => id)
}
