import type { DateTime } from 'luxon'
import { isUuid, type SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { readerOf, VISIBLE } from './session-visibility.ts'
import { findRow, iso, rows, type Db, type Transaction } from './store.ts'

export type Attribution = 'left behind' | 'changed meanwhile'
export type Change = 'created' | 'changed' | 'dropped' | 'handed over'

/** One thing that a session left behind, or that changed while it was open. */
export interface Residue {
  /** Empty for what all databases of the server share. */
  readonly database: string
  /** In PostgreSQL's words: table, function, default acl. */
  readonly kind: string
  readonly name: string
  readonly attribution: Attribution
  readonly change: Change
  readonly detail: string
}

/** As it was found, and by whom it was left where that is beyond doubt. */
export interface FoundResidue extends Residue {
  readonly sessionId: SessionId
  readonly foundAt: DateTime<true>
}

/** How far the comparison of one session has come. */
export interface Comparison {
  /** When the last of its databases was compared; null while one waits. */
  readonly comparedAt: DateTime<true> | null
  /** What it was compared with; null where no snapshot was taken before the grant. */
  readonly beforeAt: DateTime<true> | null
}

/** Whose session user a role is: by name, by the UUID in its comment, or by OID. */
export async function findResidueOwner(
  db: Db,
  {
    dataSourceId,
    role,
  }: {
    readonly dataSourceId: string
    readonly role: { readonly oid: number; readonly name: string; readonly comment: string | null }
  },
): Promise<SessionId | undefined> {
  const found = await findRow<{ id: SessionId | null }>(
    db,
    // by OID last and only where it must be: no index knows it
    `select coalesce(
              (select session_id
                 from session_users
                where data_source_id = :dataSourceId
                  and username = :name),
              (select s.id
                 from sessions s
                 join session_users u on u.session_id = s.id
                where u.data_source_id = :dataSourceId
                  and s.uuid = cast(:uuid as uuid)),
              (select max(session_id)
                 from session_users
                where data_source_id = :dataSourceId
                  and role_oid = :oid)) as id`,
    {
      dataSourceId,
      name: role.name,
      oid: role.oid,
      uuid: role.comment !== null && isUuid(role.comment) ? role.comment : null,
    },
  )
  return found?.id ?? undefined
}

/** Keeps what was found of a session; what is kept already stays as it was first found. */
export async function putResidue(
  tx: Transaction,
  sessionId: SessionId,
  at: DateTime<true>,
  found: readonly Residue[],
): Promise<void> {
  await rows(
    tx,
    `insert into session_residue (session_id, organization_id, database, kind, name, attribution, change, detail,
                                  found_at)
     select s.id, s.organization_id, f.database, f.kind, f.name, f.attribution, f.change, f.detail, :at
       from sessions s
      cross join json_to_recordset(cast(:found as json))
                 as f(database text, kind text, name text, attribution text, change text, detail text)
      where s.id = :sessionId
         on conflict do nothing`,
    { sessionId, at: iso(at), found: JSON.stringify(found) },
  )
}

/** What one session left behind, then what changed meanwhile; empty where the scope may not see it. */
export function listResidue(db: Db, scope: Scope, id: SessionId): Promise<FoundResidue[]> {
  return rows(
    db,
    `select r.session_id as "sessionId", r.database, r.kind, r.name, r.attribution, r.change, r.detail,
            r.found_at as "foundAt"
       from session_residue r
       join sessions s on s.id = r.session_id
      where ${VISIBLE}
        and s.id = :id
      order by r.attribution = 'changed meanwhile', r.database, r.kind, r.name, r.change`,
    { ...readerOf(scope), id },
  )
}

/** How far one session's comparison has come; undefined where none is to be made. */
export function findComparison(
  db: Db,
  scope: Scope,
  id: SessionId,
): Promise<Comparison | undefined> {
  return findRow(
    db,
    `select case when bool_and(c.compared_at is not null) then max(c.compared_at) end as "comparedAt",
            min(c.before_at) filter (where c.database = '') as "beforeAt"
       from session_catalogs c
       join sessions s on s.id = c.session_id
      where ${VISIBLE}
        and s.id = :id
     having count(*) > 0`,
    { ...readerOf(scope), id },
  )
}

/** What sessions of one data source left behind since then, whichever they are. */
export function listLeftBehind(
  db: Db,
  dataSourceId: string,
  since: DateTime<true>,
): Promise<FoundResidue[]> {
  return rows(
    db,
    `select r.session_id as "sessionId", r.database, r.kind, r.name, r.attribution, r.change, r.detail,
            r.found_at as "foundAt"
       from session_residue r
       join sessions s on s.id = r.session_id
      where s.data_source_id = :dataSourceId
        and r.found_at >= :since
        and r.attribution = 'left behind'`,
    { dataSourceId, since: iso(since) },
  )
}

/** What sessions of one data source left behind that still alarms somebody. */
export function listAlarming(db: Db, dataSourceId: string): Promise<FoundResidue[]> {
  return rows(
    db,
    `select r.session_id as "sessionId", r.database, r.kind, r.name, r.attribution, r.change, r.detail,
            r.found_at as "foundAt"
       from session_residue r
       join alerts a on a.session_id = r.session_id
      where a.data_source_id = :dataSourceId
        and a.rule = 'residue'
        and a.resolved_at is null
        and r.attribution = 'left behind'
        and r.change <> 'dropped'`,
    { dataSourceId },
  )
}
