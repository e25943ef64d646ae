import type { DateTime } from 'luxon'
import { appendRecord, type Action } from './audit-log.ts'
import type { SessionId } from '../lib/ids.ts'
import { uuidv7 } from '../lib/ids.ts'
import type { Origin } from './scope.ts'
import { getSessionNames } from './session-snapshots.ts'
import { findRow, getRow, iso, rows, type Transaction } from './store.ts'

/** What people are told of: each is a promise that does not hold at this moment. */
export const ALERT_RULES = [
  'removal_late',
  'grant_late',
  'end_late',
  'login_unaccounted',
  'role_altered',
  'lock_held',
  'password_changed',
  'recording_gap',
  'residue',
  'direct_access',
  'data_source_unreachable',
  'mail_failing',
] as const
export type AlertRule = (typeof ALERT_RULES)[number]

/** One breach; the same key while it lasts is the same alert. */
export interface Breach {
  readonly rule: AlertRule
  readonly key: string
  /** In a sentence. */
  readonly detail: string
  readonly sessionId?: SessionId
  readonly dataSourceId?: string
}

/**
 * Raises an alert with its record; false where the breach is known, and only seen again, or where
 * its rule is off. A broker logs it and writes the letters within seconds.
 */
export async function raiseAlert(
  tx: Transaction,
  origin: Origin,
  at: DateTime<true>,
  breach: Breach,
): Promise<boolean> {
  const raised = await findRow<{ fresh: boolean }>(
    tx,
    `insert into alerts (id, organization_id, rule, key, detail, session_id, data_source_id, raised_at, seen_at)
     select :id, :organization, :rule, :key, :detail, :sessionId, cast(:dataSourceId as uuid),
            cast(:at as timestamptz), cast(:at as timestamptz)
      where not exists (select
                          from alert_rules r
                         where r.organization_id = :organization
                           and r.rule = :rule
                           and not r.enabled)
         on conflict (organization_id, rule, key) where resolved_at is null do update
        set detail = excluded.detail, seen_at = excluded.seen_at
  returning id = :id as fresh`,
    {
      id: uuidv7(at.toMillis()),
      organization: origin.organization.id,
      rule: breach.rule,
      key: breach.key,
      detail: breach.detail,
      sessionId: breach.sessionId ?? null,
      dataSourceId: breach.dataSourceId ?? null,
      at: iso(at),
    },
  )
  if (raised?.fresh !== true) return false
  await record(tx, origin, at, { ...breach, action: 'alert.raised' })
  return true
}

/** Which open alerts are over. */
export interface Resolved {
  readonly rule: AlertRule
  /** Keys of breaches that last. */
  readonly keep: readonly string[]
  /** Where others watch for the same rule: the keys that are the caller's to resolve. */
  readonly among?: readonly string[] | undefined
  /** Why they are over, where it is not that the breach is. */
  readonly why?: string
}

/** Resolves what is no longer so, each with its record. */
export async function resolveAlerts(
  tx: Transaction,
  origin: Origin,
  at: DateTime<true>,
  { rule, keep, among, why }: Resolved,
): Promise<void> {
  const resolved = await rows<AlertTold>(
    tx,
    `   update alerts
           set resolved_at = greatest(raised_at, cast(:at as timestamptz))
         where organization_id = :organization
           and rule = :rule
           and resolved_at is null
           and not key = any (cast(:keep as text[]))
           and (cast(:among as text[]) is null or key = any (cast(:among as text[])))
     returning key, detail, session_id as "sessionId", data_source_id as "dataSourceId"`,
    { at: iso(at), organization: origin.organization.id, rule, keep, among: among ?? null },
  )
  for (const alert of resolved) {
    await record(tx, origin, at, { ...alert, rule, why, action: 'alert.resolved' })
  }
}

interface AlertTold {
  readonly key: string
  readonly detail: string
  readonly sessionId?: SessionId | null
  readonly dataSourceId?: string | null
}

/** Names the session and the data source, so that their own trails hold it too. */
async function record(
  tx: Transaction,
  origin: Origin,
  at: DateTime<true>,
  alert: AlertTold & {
    readonly rule: AlertRule
    readonly action: Action
    readonly why?: string | undefined
  },
): Promise<void> {
  const { rule, action, key, detail, sessionId, dataSourceId, why } = alert
  const names = sessionId ? await getSessionNames(tx, sessionId) : undefined
  const dataSource =
    names?.dataSource ?? (dataSourceId ? await nameDataSource(tx, dataSourceId) : undefined)
  await appendRecord(tx, origin, at, {
    action,
    area: 'alerts',
    outcome: 'ok',
    subject: { type: 'alert', id: rule, name: rule },
    ...(names === undefined ? {} : { session: names.session }),
    ...(dataSource === undefined ? {} : { dataSource }),
    reason: detail,
    details: { key, ...(why === undefined ? {} : { why }) },
  })
}

function nameDataSource(tx: Transaction, id: string): Promise<{ id: string; name: string }> {
  return getRow(tx, 'select id, name from data_sources where id = :id', { id })
}
