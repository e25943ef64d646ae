import type { DateTime } from 'luxon'
import { isUuid, uuidv7, type SessionId } from '../lib/ids.ts'
import { notify } from './notices.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { findRow, rows, type Db, type Transaction } from './store.ts'

export const VERDICTS = ['ok', 'note', 'warning', 'failed', 'danger'] as const
export type Verdict = (typeof VERDICTS)[number]

/** One thing that was looked at; where it is not as it should be, what mends it. */
export interface Finding {
  /** False where something is to be mended or thought about. */
  readonly ok: boolean
  readonly verdict: Verdict
  readonly sentence: string
  /** Lines to paste for an administrator of the data source. */
  readonly remedy?: string
}

/** Why a check was asked for. Those at an approval make no trial user. */
export type CheckCause = 'asked' | 'registration' | 'approval' | 'schedule'

export interface NewCheck {
  readonly dataSourceId: string
  readonly roleId?: string
  readonly sessionId?: SessionId
  readonly cause: CheckCause
  /** A username, or `system`. */
  readonly askedBy: string
}

/** A check of a data source, or of one role on it. */
export interface DataSourceCheck {
  readonly id: string
  readonly organizationId: string
  readonly dataSource: { readonly id: string; readonly name: string }
  readonly role: CheckedRole | null
  readonly sessionId: SessionId | null
  readonly cause: CheckCause
  readonly askedBy: string
  readonly askedAt: DateTime<true>
  readonly startedAt: DateTime<true> | null
  readonly endedAt: DateTime<true> | null
  /** How long nobody has picked it up. */
  readonly waitedSeconds: number
  /** Null until it has ended. */
  readonly ok: boolean | null
  readonly findings: readonly Finding[]
  /** What makes the role too powerful to lend. */
  readonly dangers: readonly string[]
}

export interface CheckedRole {
  readonly id: string
  readonly name: string
  readonly databaseRole: string
  readonly dangerous: boolean
}

/** What a check found. */
export interface CheckResult {
  readonly ok: boolean
  readonly findings: readonly Finding[]
  /** Undefined where nobody could look: what was known before stays known. */
  readonly dangers: readonly string[] | undefined
}

const CHECK = `
       c.id, c.organization_id as "organizationId",
       json_build_object('id', d.id, 'name', d.name) as "dataSource",
       case when r.id is not null
            then json_build_object('id', r.id, 'name', r.name, 'databaseRole', r.database_role,
                                   'dangerous', r.dangerous) end as role,
       c.session_id as "sessionId", c.cause, c.asked_by as "askedBy", c.asked_at as "askedAt",
       c.started_at as "startedAt", c.ended_at as "endedAt",
       cast(extract(epoch from clock_timestamp() - c.asked_at) as double precision) as "waitedSeconds",
       c.ok, c.findings, c.dangers`

const CHECK_TABLES = `
       from data_source_checks c
       join data_sources d on d.id = c.data_source_id
  left join roles r on r.id = c.role_id`

/**
 * Asks a broker for a check and returns its id; nothing else opens admin logins. Whoever asks while
 * the same test waits to begin is given that one: impatience makes no queue.
 */
export async function askForCheck(tx: Db, check: NewCheck): Promise<string> {
  const waiting = check.cause === 'asked' ? await findWaiting(tx, check) : undefined
  if (waiting !== undefined) return waiting
  const id = uuidv7()
  await rows(
    tx,
    `insert into data_source_checks (id, organization_id, data_source_id, role_id, session_id, cause, asked_by, asked_at)
     select :id, d.organization_id, d.id, :roleId, :sessionId, :cause, :askedBy,
            date_trunc('milliseconds', clock_timestamp())
       from data_sources d
      where d.id = :dataSourceId`,
    { ...check, id, roleId: check.roleId ?? null, sessionId: check.sessionId ?? null },
  )
  // nobody waits for what an approval asks for: the next sweep finds it, behind the grant
  if (check.cause !== 'approval') await notify(tx, 'daypass_work', id)
  return id
}

async function findWaiting(
  tx: Db,
  { dataSourceId, roleId }: NewCheck,
): Promise<string | undefined> {
  const waiting = await findRow<{ id: string }>(
    tx,
    `select c.id
       from data_source_checks c
      where c.data_source_id = :dataSourceId
        and c.role_id is not distinct from cast(:roleId as uuid)
        and c.cause = 'asked'
        and c.started_at is null
        and c.ended_at is null
      order by c.asked_at
      limit 1`,
    { dataSourceId, roleId: roleId ?? null },
  )
  return waiting?.id
}

/** One check that the scope may see. */
export function findCheck(db: Db, scope: Scope, id: string): Promise<DataSourceCheck | undefined> {
  if (!isUuid(id)) return Promise.resolve(undefined)
  return findRow(
    db,
    `select ${CHECK} ${CHECK_TABLES}
      where c.id = :id
        and c.organization_id = coalesce(cast(:organization as uuid), c.organization_id)`,
    { id, organization: organizationIdOf(scope) },
  )
}

/** The last check of each data source, and of each role on one. */
export function listLastChecks(db: Db, scope: Scope): Promise<DataSourceCheck[]> {
  return rows(
    db,
    `select distinct on (c.data_source_id, c.role_id) ${CHECK} ${CHECK_TABLES}
      where c.organization_id = coalesce(cast(:organization as uuid), c.organization_id)
      order by c.data_source_id, c.role_id, c.asked_at desc`,
    { organization: organizationIdOf(scope) },
  )
}

/** The checks made because a session was approved. */
export function listChecksOf(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
): Promise<DataSourceCheck[]> {
  return rows(
    db,
    `select ${CHECK} ${CHECK_TABLES}
      where c.session_id = :sessionId
        and c.organization_id = coalesce(cast(:organization as uuid), c.organization_id)
      order by c.asked_at, c.id`,
    { sessionId, organization: organizationIdOf(scope) },
  )
}

/**
 * Approvals may come by the hundred, and each grant looks at its roles again anyway: one check of a
 * role answers for all the approvals of some seconds, and does not stand in the way of their grants.
 */
const CLAIMABLE = `
            c.ended_at is null
        and coalesce(c.claimed_until, c.asked_at) <= now()
        and (c.cause <> 'approval'
             or not exists (select
                              from data_source_checks e
                             where e.data_source_id = c.data_source_id
                               and e.role_id = c.role_id
                               and e.cause = 'approval'
                               and e.ended_at > now() - interval '10 seconds'))`

/** Data sources with checks that nobody is at. */
export async function listDataSourcesToCheck(db: Db): Promise<string[]> {
  const found = await rows<{ id: string }>(
    db,
    `select distinct c.data_source_id as id
       from data_source_checks c
      where ${CLAIMABLE}`,
  )
  return found.map(({ id }) => id)
}

/** Takes what is to be checked on a data source, the oldest first, past what others hold. */
export async function claimChecks(
  db: Db,
  claim: { readonly dataSourceId: string; readonly seconds: number; readonly limit: number },
): Promise<DataSourceCheck[]> {
  const claimed = await rows<{ id: string }>(
    db,
    `update data_source_checks
        set claimed_until = now() + make_interval(secs => :seconds),
            started_at = coalesce(started_at, date_trunc('milliseconds', now()))
      where id in (
              select c.id
                from data_source_checks c
               where ${CLAIMABLE}
                 and c.data_source_id = :dataSourceId
               order by c.asked_at
               limit :limit
                 for update skip locked)
  returning id`,
    claim,
  )
  return rows(
    db,
    `select ${CHECK} ${CHECK_TABLES}
      where c.id = any (cast(:ids as uuid[]))
      order by c.asked_at, c.id`,
    { ids: claimed.map(({ id }) => id) },
  )
}

/** Keeps what a check found; false where somebody else has ended it meanwhile. */
export async function finishCheck(
  tx: Transaction,
  id: string,
  { ok, findings, dangers }: CheckResult,
): Promise<boolean> {
  const finished = await findRow(
    tx,
    `update data_source_checks as c
        set ended_at = date_trunc('milliseconds', clock_timestamp()), ok = :ok,
            findings = cast(:findings as jsonb),
            dangers = coalesce(cast(:dangers as text[]), ${LAST_DANGERS}, '{}')
      where c.id = :id
        and c.ended_at is null
  returning c.id`,
    { id, ok, findings: JSON.stringify(findings), dangers: dangers ?? null },
  )
  return finished !== undefined
}

const LAST_DANGERS = `(select p.dangers
                         from data_source_checks p
                        where p.role_id = c.role_id
                          and p.ended_at is not null
                        order by p.ended_at desc
                        limit 1)`

/** Asks for a check of each data source that had none for so long. */
export async function askOverdueChecks(db: Db, hours: number): Promise<void> {
  await rows(
    db,
    `insert into data_source_checks (id, organization_id, data_source_id, cause, asked_by, asked_at)
     select gen_random_uuid(), d.organization_id, d.id, 'schedule', 'system',
            date_trunc('milliseconds', clock_timestamp())
       from data_sources d
      where d.disabled_at is null
        and d.created_at < now() - make_interval(hours => :hours)
        and not exists (select
                          from data_source_checks c
                         where c.data_source_id = d.id
                           and c.role_id is null
                           and c.asked_at > now() - make_interval(hours => :hours))`,
    { hours },
  )
}

/** Strikes off what was tested so many days ago, but never what is last known of a data source or a role. */
export async function forgetOldChecks(db: Db, keepDays: number): Promise<void> {
  await rows(
    db,
    `delete from data_source_checks c
      where c.asked_at < now() - make_interval(days => :keepDays)
        and exists (select
                      from data_source_checks e
                     where e.data_source_id = c.data_source_id
                       and e.role_id is not distinct from c.role_id
                       and e.asked_at >= c.asked_at
                       and e.ended_at > c.ended_at)`,
    { keepDays },
  )
}
