import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { ClaimedJob } from './session-jobs.ts'
import { findRow, iso, preparedRows, rows, type Db, type Transaction } from './store.ts'

/** A session user as it is meant to be, written down before the data source is touched. */
export interface SessionIntent {
  readonly sessionId: SessionId
  readonly sessionUuid: string
  readonly dataSourceId: string
  readonly username: string
  /** Known once the user was made. */
  readonly roleOid: number | null
  /** The verifier of the proxy's own secret for it; nothing that logs in. */
  readonly upstreamVerifier: string
  readonly connectionLimit: number
  readonly loginAt: DateTime<true> | null
  readonly removedAt: DateTime<true> | null
}

export interface NewIntent {
  readonly sessionId: SessionId
  readonly username: string
  readonly upstreamSealed: Buffer
  readonly upstreamVerifier: string
  readonly at: DateTime<true>
}

/** What the proxy's secret for a session user is sealed about. */
export function aboutUpstream(id: SessionId): string {
  return `session_users.upstream_sealed:${id}`
}

const INTENT = `
       u.session_id as "sessionId", s.uuid as "sessionUuid", u.data_source_id as "dataSourceId", u.username,
       u.role_oid as "roleOid", u.upstream_verifier as "upstreamVerifier",
       u.connection_limit as "connectionLimit", u.login_at as "loginAt", u.removed_at as "removedAt"`

/** The intent of one session. */
export function findIntent(db: Db, id: SessionId): Promise<SessionIntent | undefined> {
  return findRow(
    db,
    `select ${INTENT}
       from session_users u
       join sessions s on s.id = u.session_id
      where u.session_id = :id`,
    { id },
  )
}

/** An intent, and whether its session is over. */
export interface IntentOfSession extends SessionIntent {
  readonly isOver: boolean
}

/** The intents of these sessions, where they have one. */
export function listIntents(db: Db, ids: readonly SessionId[]): Promise<IntentOfSession[]> {
  return rows(
    db,
    `select ${INTENT}, s.ended_at is not null as "isOver"
       from session_users u
       join sessions s on s.id = u.session_id
      where u.session_id = any (cast(:ids as bigint[]))`,
    { ids },
  )
}

/** Writes an intent, or finds the one that an earlier try wrote. */
export async function ensureIntent(tx: Transaction, intent: NewIntent): Promise<SessionIntent> {
  const [written] = await preparedRows<SessionIntent>(
    tx,
    `with made as (
       insert into session_users (session_id, organization_id, data_source_id, username, upstream_sealed,
                                  upstream_verifier, intended_at)
       select s.id, s.organization_id, s.data_source_id, :username, :upstreamSealed, :upstreamVerifier, :at
         from sessions s
        where s.id = :sessionId
           on conflict (session_id) do nothing
    returning *
     ), u as (
       select * from made
        union all
       select * from session_users where session_id = :sessionId
     )
     select ${INTENT}
       from u
       join sessions s on s.id = u.session_id`,
    { ...intent, at: iso(intent.at) },
  )
  if (written === undefined) throw new Error(`session ${intent.sessionId} has vanished`)
  return written
}

/**
 * Gives an intent another name, where somebody else's role has the first one, unless another broker
 * has taken its grant over since or given it one already.
 */
export async function renameIntent(
  db: Db,
  { sessionId, kind, claim }: Pick<ClaimedJob, 'sessionId' | 'kind' | 'claim'>,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await rows(
    db,
    `update session_users
        set username = :to
      where session_id = :sessionId
        and username = :from
        and role_oid is null
        and exists (select
                      from session_jobs
                     where session_id = :sessionId
                       and kind = :kind
                       and claimed_by = :claim
                       and claimed_until > clock_timestamp())`,
    { sessionId, kind, claim, from, to },
  )
}

/** Remembers the OID by which the user's backends are known even after its name is gone. */
export async function setRoleOid(db: Db, id: SessionId, oid: number): Promise<void> {
  await rows(
    db,
    `update session_users
        set role_oid = :oid, removed_at = null
      where session_id = :id`,
    { id, oid },
  )
}

/**
 * Notes that the session user may log in from now on: GRANTED is then true to the last step. Returns
 * since when; undefined where that was noted before, or is not so.
 */
export async function setLoginAt(db: Db, id: SessionId): Promise<DateTime<true> | undefined> {
  const [noted] = await preparedRows<{ at: DateTime<true> }>(
    db,
    `   update session_users u
           set login_at = date_trunc('milliseconds', clock_timestamp())
          from sessions s
         where s.id = u.session_id
           and u.session_id = :id
           and s.state = 'GRANTED'
           and u.login_at is null
     returning u.login_at as at`,
    { id },
  )
  return noted?.at
}

/** Notes that no such users are left on the data source. */
export async function setIntentsRemoved(
  db: Db,
  ids: readonly SessionId[],
  at: DateTime<true>,
): Promise<void> {
  await rows(
    db,
    `update session_users
        set removed_at = :at
      where session_id = any (cast(:ids as bigint[]))
        and removed_at is null`,
    { ids, at: iso(at) },
  )
}
