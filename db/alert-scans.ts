import type { Breach } from './alerts.ts'
import { LOGIN_LEFT } from './removals.ts'
import { findRow, getRow, rows, type Db, type Transaction } from './store.ts'

/** Whose breaches are looked for, and how long one may last before it counts. */
export interface Watch {
  readonly organizationId: string
  readonly afterSeconds: number
}

/** Ended sessions whose database user is still there. */
export function listLateRemovals(db: Db, watch: Watch): Promise<Breach[]> {
  return rows(
    db,
    `select 'removal_late' as rule, cast(s.id as text) as key, s.id as "sessionId",
            s.data_source_id as "dataSourceId",
            format('Session %s ended, and %s is still on %s%s: %s', s.id, u.username, d.name,
                   case ${LOGIN_LEFT}
                   when 'remains' then ' AND CAN STILL LOG IN THERE DIRECTLY, past the proxies'
                   when 'unproven' then ' and MAY STILL LOG IN THERE DIRECTLY, past the proxies'
                   else '; nobody can log in as it any more'
                   end,
                   coalesce(j.detail, case when ${IS_CLAIMED}
                                           then 'a broker is at work on it.'
                                           else 'no broker has tried yet.' end)) as detail
       from session_users u
       join sessions s on s.id = u.session_id
       join data_sources d on d.id = s.data_source_id
       left join session_jobs j on j.session_id = s.id and j.kind = 'removal'
      where u.removed_at is null
        and s.organization_id = :organizationId
        and s.ended_at < now() - make_interval(secs => :afterSeconds)
      order by s.ended_at, s.id
      limit :most`,
    { ...watch, most: AT_MOST },
  )
}

/** Approved sessions whose time has come and that nobody was given. */
export function listLateGrants(db: Db, watch: Watch): Promise<Breach[]> {
  return rows(
    db,
    `select 'grant_late' as rule, cast(s.id as text) as key, s.id as "sessionId",
            s.data_source_id as "dataSourceId",
            format('Session %s should have started on %s: %s', s.id, d.name,
                   coalesce(j.detail, case when ${IS_CLAIMED}
                                           then 'a broker is at work on it.'
                                           else 'no broker has tried yet.' end)) as detail
       from sessions s
       join data_sources d on d.id = s.data_source_id
       left join session_jobs j on j.session_id = s.id and j.kind = 'grant'
      where s.state = 'APPROVED'
        and s.organization_id = :organizationId
        and greatest(s.start_at, s.state_since) < now() - make_interval(secs => :afterSeconds)
        and s.end_at > now()
      -- by when it fell due: one that is new must not push another out, which would seem over then
      order by greatest(s.start_at, s.state_since), s.id
      limit :most`,
    { ...watch, most: AT_MOST },
  )
}

/** Granted sessions whose time is over and that nobody has ended. */
export function listLateEnds(db: Db, watch: Watch): Promise<Breach[]> {
  return rows(
    db,
    `select 'end_late' as rule, cast(s.id as text) as key, s.id as "sessionId",
            s.data_source_id as "dataSourceId",
            format('The time of session %s on %s ran out, and it has not ended: no broker could end it.',
                   s.id, d.name) as detail
       from sessions s
       join data_sources d on d.id = s.data_source_id
      where s.state = 'GRANTED'
        and s.organization_id = :organizationId
        and s.end_at < now() - make_interval(secs => :afterSeconds)
      order by s.end_at, s.id
      limit :most`,
    { ...watch, most: AT_MOST },
  )
}

/** Data sources in use that can't be compared with the store. */
export function listUnreachable(db: Db, watch: Watch): Promise<Breach[]> {
  return rows(
    db,
    `select 'data_source_unreachable' as rule, d.name as key, d.id as "dataSourceId", f.detail
       from data_source_faults f
       join data_sources d on d.id = f.data_source_id
      where f.organization_id = :organizationId
        and f.failing_since < now() - make_interval(secs => :afterSeconds)
        and d.disabled_at is null
      order by f.failing_since, d.name
      limit :most`,
    { ...watch, most: AT_MOST },
  )
}

/** The one key of the breach below. */
export const OVERDUE_LETTERS = 'overdue letters'

/**
 * One breach for all letters that were tried in vain for too long. Where the mail server takes none
 * at all, the mailer has said so at once.
 */
export async function listFailingMail(
  db: Db,
  { organizationId, afterSeconds }: Watch,
): Promise<Breach[]> {
  const { count, detail } = await getRow<{ count: number; detail: string | null }>(
    db,
    `select cast(count(*) as integer) as count, max(m.detail) as detail
       from mails m
      where m.organization_id = :organizationId
        and m.sent_at is null
        and m.dropped_at is null
        and m.tries > 0
        and m.due_at < now() - make_interval(secs => :afterSeconds)
        and not exists (select
                          from alerts a
                         where a.organization_id = :organizationId
                           and a.rule = 'mail_failing'
                           and a.key <> :key
                           and a.resolved_at is null)`,
    { organizationId, afterSeconds, key: OVERDUE_LETTERS },
  )
  if (count === 0) return []
  const letters = count === 1 ? 'One letter waits' : `${String(count)} letters wait`
  const why = detail ?? 'the mail server gave no answer.'
  return [{ rule: 'mail_failing', key: OVERDUE_LETTERS, detail: `${letters} to be sent: ${why}` }]
}

/** Changed passwords whose user is still there; with the user they are over. */
export async function listLastingPasswordChanges(
  db: Db,
  organizationId: string,
): Promise<string[]> {
  const found = await rows<{ key: string }>(
    db,
    `select a.key
       from alerts a
       join session_users u on u.session_id = a.session_id
      where a.organization_id = :organizationId
        and a.rule = 'password_changed'
        and a.resolved_at is null
        and u.removed_at is null`,
    { organizationId },
  )
  return found.map(({ key }) => key)
}

/** Gaps in recordings that were told of lately; what is missing stays so, and their records say it. */
export async function listRecentGaps(db: Db, organizationId: string): Promise<string[]> {
  const found = await rows<{ key: string }>(
    db,
    `select key
       from alerts
      where organization_id = :organizationId
        and rule = 'recording_gap'
        and resolved_at is null
        and seen_at > now() - make_interval(days => :days)`,
    { organizationId, days: GAP_TOLD_DAYS },
  )
  return found.map(({ key }) => key)
}

/**
 * Takes down that a comparison failed; the first of several in a row says since when. True for that
 * first one.
 */
export async function keepFault(
  db: Db,
  { dataSourceId, detail }: { readonly dataSourceId: string; readonly detail: string },
): Promise<boolean> {
  const kept = await findRow<{ fresh: boolean }>(
    db,
    `insert into data_source_faults (data_source_id, organization_id, failing_since, seen_at, detail)
     select d.id, d.organization_id, now(), now(), :detail
       from data_sources d
      where d.id = :dataSourceId
         on conflict (data_source_id) do update
        set seen_at = excluded.seen_at, detail = excluded.detail
  returning seen_at = failing_since as fresh`,
    { dataSourceId, detail },
  )
  return kept?.fresh === true
}

/** The data source could be compared again. */
export async function forgetFault(db: Db, dataSourceId: string): Promise<void> {
  await rows(db, 'delete from data_source_faults where data_source_id = :dataSourceId', {
    dataSourceId,
  })
}

/** Ends a transaction whose process froze, so that nobody waits for its locks longer than this. */
export async function giveUpAfter(tx: Transaction, milliseconds: number): Promise<void> {
  await rows(
    tx,
    `select set_config(name, :milliseconds, true)
       from unnest(array['statement_timeout', 'idle_in_transaction_session_timeout']) as names(name)`,
    { milliseconds: String(milliseconds) },
  )
}

/** SQL: a broker is at work on the job `j` at this moment. */
const IS_CLAIMED = 'j.claimed_until > now()'

/** Nobody can end a gap: so long it is told of. */
export const GAP_TOLD_DAYS = 7

/** Past this many of a kind, one alert more tells nobody anything. */
const AT_MOST = 200
