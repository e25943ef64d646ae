import type { DateTime } from 'luxon'
import type { AlertRule } from './alerts.ts'
import type { SessionId } from '../lib/ids.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { getRow, rows, type Db } from './store.ts'

/** An alert as people read it. */
export interface Alert {
  readonly id: string
  readonly rule: AlertRule
  readonly key: string
  readonly detail: string
  readonly sessionId: SessionId | null
  readonly dataSource: string | null
  readonly raisedAt: DateTime<true>
  /** When the breach was seen last. */
  readonly seenAt: DateTime<true>
  readonly resolvedAt: DateTime<true> | null
}

export interface AlertPage {
  /** Newest first. */
  readonly alerts: readonly Alert[]
  /** The id of the last one, where there are more. */
  readonly next: string | undefined
}

/** Open ones on the page, and resolved ones below them. */
export const ALERTS_ON_A_PAGE = 50
/** The badge stops counting here. */
export const COUNTED_AT_MOST = 100

/** Alerts of the scope's organization, newest first. The caller has asked whether they may be seen. */
export async function listAlerts(
  db: Db,
  scope: Scope,
  {
    open,
    before,
    size = ALERTS_ON_A_PAGE,
  }: {
    /** Undefined: both. */
    readonly open?: boolean | undefined
    /** The id of an alert: older ones alone. */
    readonly before?: string | undefined
    readonly size?: number
  } = {},
): Promise<AlertPage> {
  const found = await rows<Alert>(
    db,
    `select a.id, a.rule, a.key, a.detail, a.session_id as "sessionId", d.name as "dataSource",
            a.raised_at as "raisedAt", a.seen_at as "seenAt", a.resolved_at as "resolvedAt"
       from alerts a
       left join data_sources d on d.id = a.data_source_id
      where a.organization_id = coalesce(cast(:organization as uuid), a.organization_id)
        and (cast(:open as boolean) is null or (a.resolved_at is null) = cast(:open as boolean))
        and (cast(:before as uuid) is null
             or (a.raised_at, a.id) < (select b.raised_at, b.id from alerts b where b.id = cast(:before as uuid)))
      order by a.raised_at desc, a.id desc
      limit :size`,
    {
      organization: organizationIdOf(scope),
      open: open ?? null,
      before: before ?? null,
      size: size + 1,
    },
  )
  const alerts = found.slice(0, size)
  return { alerts, next: found.length > size ? alerts.at(-1)?.id : undefined }
}

/** How many alerts are open, at most COUNTED_AT_MOST. */
export async function countOpenAlerts(db: Db, scope: Scope): Promise<number> {
  const { count } = await getRow<{ count: number }>(
    db,
    `select cast(count(*) as integer) as count
       from (select
               from alerts
              where organization_id = coalesce(cast(:organization as uuid), organization_id)
                and resolved_at is null
              limit :most) as counted`,
    { organization: organizationIdOf(scope), most: COUNTED_AT_MOST },
  )
  return count
}
