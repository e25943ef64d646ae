import { findResidueOwner, putResidue, type Residue } from '../../db/residue.ts'
import { storeTime } from '../../db/store.ts'
import { keptName, SERVER } from './catalog.ts'
import type { BrokerDeps, Target } from '../sources/data-source.ts'
import type { FoundRole } from '../session-users/session-users.ts'

/** Something of a session user in one database, right before Daypass hands it over or takes it away. */
export type Owned = Pick<Residue, 'database' | 'kind' | 'name' | 'change' | 'detail'>

/**
 * Writes down what a session user has in this database: afterwards nothing says any more whose it
 * was. Committed before the data source is changed, so that no crash can lose it; a removal that is
 * tried again finds it written.
 */
export async function keepOwned(
  { store, log }: BrokerDeps,
  target: Target,
  role: FoundRole,
): Promise<void> {
  const owned = await collectOwned(target, role)
  if (owned.length === 0) return
  await store.change(async (tx) => {
    const dataSourceId = target.dataSource.id
    const session = await findResidueOwner(tx, { dataSourceId, role })
    if (session === undefined) {
      log.error({ role: role.name, owned }, 'a session user of no session left this behind')
      return
    }
    const at = await storeTime(tx)
    await putResidue(
      tx,
      session,
      at,
      owned.map((each) => ({ ...each, attribution: 'left behind' })),
    )
  })
}

/** What a role owns and has given to others in the database connected to, beyond doubt its own. */
export async function collectOwned(target: Target, role: FoundRole): Promise<Owned[]> {
  const { rows } = await target.client.query<OwnedRow>(OWNED, [role.oid])
  return rows.map(({ shared, ...row }) => {
    const name = keptName(row.name)
    const detail = name === row.name ? row.detail : `${row.name}; ${row.detail}`
    return { ...row, name, detail, database: shared ? SERVER : target.database }
  })
}

interface OwnedRow extends Omit<Owned, 'database'> {
  /** True for what belongs to the server and to none of its databases. */
  readonly shared: boolean
}

/** Names enough to find them by; who needs all asks pg_largeobject_metadata for the new owner's. */
const LARGE_OBJECTS_NAMED = 20

/**
 * By pg_shdepend, which knows owner and grantor of everything; temporary objects end with their
 * connection. Default privileges, user mappings and prepared transactions can't be handed over and are
 * taken away, as is what the role gave to others on objects that are not its own.
 */
const OWNED = `
with touched as (
  select classid, objid, bool_or(deptype = 'o') as mine
    from pg_shdepend
   where refclassid = 'pg_authid'::regclass
     and refobjid = $1
     and deptype in ('o', 'a')
     and dbid in (0, (select oid from pg_database where datname = current_database()))
   group by classid, objid
), lists as (
  select 'pg_class'::regclass as classid, oid as objid, relacl as list from pg_class
   where oid in (select objid from touched where classid = 'pg_class'::regclass)
   union all
  select 'pg_class'::regclass, attrelid, attacl from pg_attribute
   where attrelid in (select objid from touched where classid = 'pg_class'::regclass)
   union all
  select 'pg_proc'::regclass, oid, proacl from pg_proc
   where oid in (select objid from touched where classid = 'pg_proc'::regclass)
   union all
  select 'pg_namespace'::regclass, oid, nspacl from pg_namespace
   where oid in (select objid from touched where classid = 'pg_namespace'::regclass)
   union all
  select 'pg_type'::regclass, oid, typacl from pg_type
   where oid in (select objid from touched where classid = 'pg_type'::regclass)
   union all
  select 'pg_database'::regclass, oid, datacl from pg_database
   where oid in (select objid from touched where classid = 'pg_database'::regclass)
), given as (
  select l.classid, l.objid,
         string_agg(distinct a.privilege_type || ' to '
                             || case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end, ', ') as rights
    from lists l
   cross join lateral aclexplode(l.list) a
   where a.grantor = $1
     and a.grantee <> $1
   group by l.classid, l.objid
)
select i.type as kind, i.identity as name,
       case when t.classid in ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
            then 'dropped' else 'handed over' end as change,
       concat_ws('; ', case when p.prosecdef then 'SECURITY DEFINER' end, d.defaclacl::text, g.rights) as detail,
       t.classid in ('pg_database'::regclass, 'pg_tablespace'::regclass) as shared
  from touched t
 cross join lateral pg_identify_object(t.classid, t.objid, 0) i
  left join pg_class c on t.classid = 'pg_class'::regclass and c.oid = t.objid
  left join pg_proc p on t.classid = 'pg_proc'::regclass and p.oid = t.objid
  left join pg_default_acl d on t.classid = 'pg_default_acl'::regclass and d.oid = t.objid
  left join given g on g.classid = t.classid and g.objid = t.objid
 where t.mine
   and t.classid <> 'pg_largeobject'::regclass
   and i.identity is not null
   and c.relpersistence is distinct from 't'
   and coalesce(i.schema, '') not like 'pg!_temp%' escape '!'
 union all
select 'large object', case count(*) when 1 then min(oid)::text else count(*) || ' large objects' end, 'handed over',
       case when count(*) > 1
            then array_to_string((array_agg(oid order by oid))[:${String(LARGE_OBJECTS_NAMED)}], ', ')
            else '' end, false
  from pg_largeobject_metadata
 where lomowner = $1
having count(*) > 0
 union all
select 'rights on ' || i.type, i.identity, 'dropped', g.rights, g.classid = 'pg_database'::regclass
  from given g
  join touched t on t.classid = g.classid and t.objid = g.objid and not t.mine
 cross join lateral pg_identify_object(g.classid, g.objid, 0) i
 where i.identity is not null
 union all
-- before 16 memberships have no OID, and outlive who granted them: the comparison finds those
select 'role membership', i.identity, 'dropped', '', true
  from pg_auth_members a
 cross join lateral pg_identify_object('pg_auth_members'::regclass, (to_jsonb(a) ->> 'oid')::oid, 0) i
 where a.grantor = $1
   and a.member <> $1
   and i.identity is not null
 union all
select 'trigger', i.identity, 'created', 'calls ' || f.identity, false
  from pg_proc p
  join pg_trigger t on t.tgfoid = p.oid
  join pg_class c on c.oid = t.tgrelid
 cross join lateral pg_identify_object('pg_trigger'::regclass, t.oid, 0) i
 cross join lateral pg_identify_object('pg_proc'::regclass, p.oid, 0) f
 where p.oid in (select objid from touched where mine and classid = 'pg_proc'::regclass)
   and c.relowner <> $1
   and not t.tgisinternal
   and i.identity is not null
   and c.relpersistence <> 't'
 union all
select 'prepared transaction', x.gid, 'dropped',
       'prepared ' || to_char(x.prepared at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', false
  from pg_prepared_xacts x
  join pg_roles r on r.rolname = x.owner
 where r.oid = $1
   and x.database = current_database()`
