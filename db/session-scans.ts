import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { AlertRule } from './alerts.ts'
import { IS_OUT } from './person.ts'
import type { SessionState } from './sessions.ts'
import { findRow, preparedRows, rows, type Db } from './store.ts'

interface Due {
  readonly id: SessionId
}

/** What waits for approvals may die before its window does; broker/sessions/session.ts says the same. */
const EXPIRY = `
            case state when 'CREATED' then least(end_at, dies_at) else coalesce(end_at, dies_at) end`

/** Sessions whose time ran out, longest overdue first. */
export async function listExpiring(db: Db, limit: number): Promise<SessionId[]> {
  const due = await preparedRows<Due>(
    db,
    `select id
       from sessions
      where state in ('CREATED', 'APPROVED', 'GRANTED')
        and ${EXPIRY} <= now()
      order by ${EXPIRY}, id
      limit :limit`,
    { limit },
  )
  return due.map(({ id }) => id)
}

/** Sessions under way whose requester was disabled. */
export async function listOrphaned(db: Db, limit: number): Promise<SessionId[]> {
  const due = await preparedRows<Due>(
    db,
    `select s.id
       from sessions s
       join people p on p.id = s.requester_id
      where s.state in ('CREATED', 'APPROVED', 'GRANTED')
        and ${IS_OUT}
      order by s.id
      limit :limit`,
    { limit },
  )
  return due.map(({ id }) => id)
}

/** Requests of one person that wait for approval or for their start, oldest first. */
export async function listWaitingOf(db: Db, requesterId: string): Promise<SessionId[]> {
  const waiting = await preparedRows<Due>(
    db,
    `select id
       from sessions
      where requester_id = :requesterId
        and state in ('CREATED', 'APPROVED')
      order by id`,
    { requesterId },
  )
  return waiting.map(({ id }) => id)
}

/** Writes the jobs that the state of things demands and that are not there, whatever lost them. */
export async function putMissingJobs(db: Db): Promise<void> {
  await preparedRows(
    db,
    `insert into session_jobs (session_id, organization_id, kind, due_at)
     select s.id, s.organization_id, 'grant', greatest(s.start_at, s.state_since)
       from sessions s
       left join session_users u on u.session_id = s.id
       left join session_jobs j on j.session_id = s.id and j.kind = 'grant'
      where (s.state = 'APPROVED' or (s.state = 'GRANTED' and u.login_at is null))
        and s.start_at is not null
        and j.session_id is null
      union all
     select s.id, s.organization_id, 'removal', s.ended_at
       from sessions s
       join session_users u on u.session_id = s.id
       left join session_jobs j on j.session_id = s.id and j.kind = 'removal'
      where s.ended_at is not null
        and u.removed_at is null
        and j.session_id is null
         on conflict (session_id, kind) do nothing`,
  )
}

/** A session user as the store believes in it. */
export interface KnownUser {
  readonly sessionId: SessionId
  readonly sessionUuid: string
  readonly username: string
  readonly roleOid: number | null
  readonly state: SessionState
  readonly upstreamVerifier: string
  readonly connectionLimit: number
  readonly end: DateTime<true> | null
  /** True while the data source has not been told of an end that moved. */
  readonly isMoving: boolean
  /** True once the user may log in. */
  readonly mayLogIn: boolean
  /** The database roles it was made a member of. */
  readonly roles: readonly string[]
}

/** Users that should be on a data source, and those whose session UUIDs were found there. */
export function listKnownUsers(
  db: Db,
  dataSourceId: string,
  foundUuids: readonly string[],
): Promise<KnownUser[]> {
  return rows(
    db,
    `${KNOWN}
      where u.data_source_id = :dataSourceId
        and s.id in (select id from sessions where state = 'GRANTED'
                      union
                     select id from sessions where uuid = any (cast(:foundUuids as uuid[])))`,
    { dataSourceId, foundUuids },
  )
}

/** Users of sessions under way on other data sources, which may be the same server. */
export function listUsersElsewhere(
  db: Db,
  dataSourceId: string,
  foundUuids: readonly string[],
): Promise<{ readonly username: string; readonly roleOid: number | null }[]> {
  return rows(
    db,
    `select u.username, u.role_oid as "roleOid"
       from sessions s
       join session_users u on u.session_id = s.id
      where s.uuid = any (cast(:foundUuids as uuid[]))
        and s.state = 'GRANTED'
        and u.data_source_id <> :dataSourceId`,
    { dataSourceId, foundUuids },
  )
}

/** One of them, as it is now. */
export function findKnownUser(db: Db, id: SessionId): Promise<KnownUser | undefined> {
  return findRow(db, `${KNOWN} where s.id = :id`, { id })
}

/**
 * Open alerts about one data source, by rule and key. Young ones are left out: what was set right at
 * once must still be seen.
 */
export function listOpenAlerts(
  db: Db,
  dataSourceId: string,
  rules: readonly AlertRule[],
): Promise<{ readonly rule: AlertRule; readonly key: string }[]> {
  return rows(
    db,
    `select rule, key
       from alerts
      where data_source_id = :dataSourceId
        and rule = any (cast(:rules as text[]))
        and resolved_at is null
        and raised_at < now() - interval '1 minute'`,
    { dataSourceId, rules },
  )
}

const KNOWN = `
     select s.id as "sessionId", s.uuid as "sessionUuid", u.username, u.role_oid as "roleOid", s.state,
            u.upstream_verifier as "upstreamVerifier", u.connection_limit as "connectionLimit",
            s.end_at as "end", u.login_at is not null as "mayLogIn",
            exists (select
                      from session_jobs j
                     where j.session_id = s.id
                       and j.kind = 'extension') as "isMoving",
            array(select r.database_role from session_roles r where r.session_id = s.id) as roles
       from session_users u
       join sessions s on s.id = u.session_id`
