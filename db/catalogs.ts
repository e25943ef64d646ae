import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import { findRow, iso, rows, type Db, type Transaction } from './store.ts'

/** A session user of one data source, at whatever time. */
export interface SessionUser {
  readonly id: SessionId
  readonly roleOid: number | null
  /** The database roles it is a member of. */
  readonly databaseRoles: readonly string[]
}

/** A session whose user is gone and whose databases are to be compared. */
export interface WaitingSession extends SessionUser {
  readonly removedAt: DateTime<true>
}

/** The snapshot of one database that a session is compared with. */
export interface BoundCatalog {
  readonly sessionId: SessionId
  /** Empty for what all databases of the server share. */
  readonly database: string
  /** Null, as the time it was taken, where there was none before the grant. */
  readonly beforeId: string | null
  readonly beforeAt: DateTime<true> | null
}

/** Sessions that end together are compared together, with one snapshot. */
const COMPARE_AFTER_SECONDS = 5
/** Two snapshots of a data source are this far apart at least, and at most. */
const FRESH_SECONDS = 5
const REFRESH_MINUTES = 15
/** What starts this soon wants a snapshot that is younger than that. */
const SOON_SECONDS = 30
/** Newer ones must be this old before one is dropped: a grant may be choosing right now. */
const SETTLED_SECONDS = 60

/**
 * Data sources whose catalogs are to be read, and in nobody's hands: because sessions wait to be
 * compared, because one may be granted soon, or because the last snapshot has grown old.
 */
export async function listDataSourcesToVisit(db: Db): Promise<string[]> {
  const found = await rows<{ id: string }>(
    db,
    `select d.id
       from data_sources d
       left join catalog_visits v on v.data_source_id = d.id
      where coalesce(v.held_until <= now(), true)
        and (exists (select
                       from session_catalogs c
                       join sessions s on s.id = c.session_id
                      where c.compared_at is null
                        and s.data_source_id = d.id
                        and s.removed_at < now() - make_interval(secs => :compareAfter))
             or d.disabled_at is null
                and (coalesce(v.visited_at < now() - make_interval(mins => :refresh), true)
                     or v.visited_at < now() - make_interval(secs => :fresh)
                        and exists (select
                                      from sessions s
                                     where s.data_source_id = d.id
                                       and s.state in ('CREATED', 'APPROVED')
                                       and (s.created_at > v.visited_at
                                            or s.state = 'APPROVED'
                                               and s.start_at < now() + make_interval(secs => :soon)
                                               and v.visited_at < now() - make_interval(secs => :soon)))))`,
    {
      compareAfter: COMPARE_AFTER_SECONDS,
      refresh: REFRESH_MINUTES,
      fresh: FRESH_SECONDS,
      soon: SOON_SECONDS,
    },
  )
  return found.map(({ id }) => id)
}

/** Takes a data source's catalogs in hand; how often that failed before, or undefined where another broker has them. */
export async function claimVisit(
  db: Db,
  dataSourceId: string,
  seconds: number,
): Promise<{ readonly tries: number } | undefined> {
  return findRow(
    db,
    `insert into catalog_visits as v (data_source_id, organization_id, held_until)
     select d.id, d.organization_id, now() + make_interval(secs => :seconds)
       from data_sources d
      where d.id = :dataSourceId
         on conflict (data_source_id) do update
        set held_until = excluded.held_until
      where v.held_until <= now()
  returning v.tries`,
    { dataSourceId, seconds },
  )
}

/** Gives the catalogs back, read. */
export async function finishVisit(db: Db, dataSourceId: string): Promise<void> {
  await rows(
    db,
    `update catalog_visits
        set held_until = now(), visited_at = now(), tries = 0, detail = null
      where data_source_id = :dataSourceId`,
    { dataSourceId },
  )
}

/** Gives the catalogs back, to be read later; a reason counts as a failed try. */
export async function deferVisit(
  db: Db,
  dataSourceId: string,
  { seconds, detail }: { readonly seconds: number; readonly detail: string | null },
): Promise<void> {
  await rows(
    db,
    `update catalog_visits
        set held_until = now() + make_interval(secs => :seconds), detail = :detail,
            tries = tries + case when cast(:detail as text) is null then 0 else 1 end
      where data_source_id = :dataSourceId`,
    { dataSourceId, seconds, detail },
  )
}

/**
 * Gives every session that was granted the snapshots it will be compared with: the last ones taken
 * before it could log in. Where there is none, that is noted.
 */
export async function bindSnapshots(db: Db): Promise<void> {
  await rows(
    db,
    `with unbound as (
       select s.id, s.organization_id, s.data_source_id, s.granted_at
         from sessions s
        where s.granted_at is not null
          and (s.state = 'GRANTED' or s.ended_at > now() - interval '1 hour')
          and not exists (select from session_catalogs c where c.session_id = s.id)
     ), found as (
       select distinct on (u.id, k.database) u.id, u.organization_id, k.database, k.id as before_id, k.taken_at
         from unbound u
         join catalog_snapshots k on k.data_source_id = u.data_source_id and k.taken_at <= u.granted_at
        order by u.id, k.database, k.taken_at desc
     )
     insert into session_catalogs (session_id, organization_id, database, before_id, before_at)
     select id, organization_id, database, before_id, taken_at
       from found
      union all
     select id, organization_id, '', null, null
       from unbound u
      where not exists (select from found f where f.id = u.id and f.database = '')
         on conflict do nothing`,
  )
}

/** Keeps a snapshot; `at` is when it had been read. */
export async function putSnapshot(
  db: Db,
  snapshot: {
    readonly dataSourceId: string
    readonly database: string
    readonly at: DateTime<true>
    readonly objects: Buffer
  },
): Promise<void> {
  await rows(
    db,
    `insert into catalog_snapshots (organization_id, data_source_id, database, taken_at, objects)
     select d.organization_id, d.id, :database, :at, :objects
       from data_sources d
      where d.id = :dataSourceId`,
    { ...snapshot, at: iso(snapshot.at) },
  )
}

/** What a snapshot holds; undefined where it is gone. */
export async function findSnapshot(db: Db, id: string): Promise<Buffer | undefined> {
  const found = await findRow<{ objects: Buffer }>(
    db,
    `select objects from catalog_snapshots where id = :id`,
    { id },
  )
  return found?.objects
}

/** Drops snapshots that were followed by another and that no session will be compared with. */
export async function pruneSnapshots(db: Db, dataSourceId: string): Promise<void> {
  await rows(
    db,
    `delete from catalog_snapshots k
      where k.data_source_id = :dataSourceId
        and exists (select
                      from catalog_snapshots newer
                     where newer.data_source_id = k.data_source_id
                       and newer.database = k.database
                       and newer.taken_at > k.taken_at
                       and newer.taken_at < now() - make_interval(secs => :settled))
        and not exists (select
                          from session_catalogs c
                         where c.before_id = k.id
                           and c.compared_at is null)`,
    { dataSourceId, settled: SETTLED_SECONDS },
  )
}

/** Sessions of one data source that wait to be compared, longest first. */
export function listWaiting(
  db: Db,
  dataSourceId: string,
  limit: number,
): Promise<WaitingSession[]> {
  return rows(
    db,
    `select s.id, s.removed_at as "removedAt", u.role_oid as "roleOid", ${DATABASE_ROLES}
       from sessions s
       join session_users u on u.session_id = s.id
      where s.data_source_id = :dataSourceId
        and s.removed_at is not null
        and s.id in (select session_id from session_catalogs where compared_at is null)
      order by s.removed_at, s.id
      limit :limit`,
    { dataSourceId, limit },
  )
}

/** The snapshots that sessions are still to be compared with. */
export function listBound(db: Db, ids: readonly SessionId[]): Promise<BoundCatalog[]> {
  return rows(
    db,
    `select session_id as "sessionId", database, before_id as "beforeId", before_at as "beforeAt"
       from session_catalogs
      where session_id = any (cast(:ids as bigint[]))
        and compared_at is null
      order by session_id, database`,
    { ids },
  )
}

/** Session users of one data source that were there at some moment since then. */
export function listUsersSince(
  db: Db,
  dataSourceId: string,
  since: DateTime<true>,
): Promise<SessionUser[]> {
  return rows(
    db,
    `select s.id, u.role_oid as "roleOid", ${DATABASE_ROLES}
       from session_users u
       join sessions s on s.id = u.session_id
      where u.data_source_id = :dataSourceId
        and s.granted_at is not null
        -- none takes a day to remove, and the index is by the end
        and (s.state = 'GRANTED' or s.ended_at >= cast(:since as timestamptz) - interval '1 day')
        and coalesce(s.removed_at >= :since, true)`,
    { dataSourceId, since: iso(since) },
  )
}

/** Notes that a session was compared; false where another broker has done it meanwhile. */
export async function setCompared(
  tx: Transaction,
  id: SessionId,
  at: DateTime<true>,
): Promise<boolean> {
  const compared = await rows(
    tx,
    `update session_catalogs
        set compared_at = :at, before_id = null
      where session_id = :id
        and compared_at is null
  returning database`,
    { id, at: iso(at) },
  )
  return compared.length > 0
}

const DATABASE_ROLES = `
            array(select r.database_role from session_roles r where r.session_id = s.id) as "databaseRoles"`
