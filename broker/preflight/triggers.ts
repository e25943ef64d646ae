import type { Target } from '../sources/data-source.ts'

/**
 * Tables and views that roles may put triggers on without owning them: a trigger's function runs with
 * the rights of whoever writes there, a superuser's too, and everybody may make one in pg_temp. By
 * pg_shdepend, because a database may have many tables; it knows nothing of what predefined roles were
 * granted. A caution and no danger: `grant all`, which most owners write, brings it. What everybody may, the data source's check tells.
 */
export const TRIGGERING = `
select l.asked, l.oid, false,
       format('may put triggers on %s%s of database %s',
              (select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.oid = held.first),
              case when held.tables > 1 then format(' and %s more', held.tables - 1) end, current_database())
  from lent l
 cross join lateral (select min(s.objid) as first, count(distinct s.objid) as tables
                       from pg_shdepend s
                      where s.refclassid = 'pg_authid'::regclass
                        and s.refobjid = l.oid
                        and s.dbid = (select oid from pg_database where datname = current_database())
                        and s.classid = 'pg_class'::regclass
                        and s.deptype = 'a'
                        and has_table_privilege(l.oid, s.objid, 'trigger')
                        and not has_table_privilege('public', s.objid, 'trigger')
                        and (select c.relkind from pg_class c where c.oid = s.objid) in ('r', 'p', 'v', 'f')) as held
 where held.tables > 0`

/** A schema in which everybody may put triggers on tables or views, and on how many. */
export interface OpenTables {
  readonly schema: string
  readonly tables: number
}

/** Where everybody may put triggers on what is in this database, session users too. */
export async function listOpenTables({ client }: Target): Promise<OpenTables[]> {
  const { rows } = await client.query<OpenTables>(
    `select n.nspname as schema, cast(count(*) as integer) as tables
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
      cross join lateral aclexplode(c.relacl) x
      where x.grantee = 0
        and x.privilege_type = 'TRIGGER'
        and c.relkind in ('r', 'p', 'v', 'f')
        and c.relpersistence <> 't'
      group by n.nspname
      order by n.nspname`,
  )
  return rows
}
