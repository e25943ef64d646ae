import type { Target } from './data-source.ts'
import { MARKER } from '../session-users/session-users.ts'

/** What the admin login may do on its data source, and what that server is like. */
export interface LoginFacts {
  readonly name: string
  readonly superuser: boolean
  readonly mayCreateRoles: boolean
  readonly mayEndBackends: boolean
  /** Shared roles of ours that exist and that this login may not grant. */
  readonly outOfReach: readonly string[]
  readonly preparedTransactions: number
  /** The server's clock, in milliseconds since 1970. */
  readonly clock: number
  readonly databases: readonly DatabaseFacts[]
}

/** One database of the server. */
export interface DatabaseFacts {
  readonly name: string
  readonly mayConnect: boolean
}

/** What lending a role would take. */
export interface RoleFacts {
  readonly grantable: boolean
  /** Databases that the role may connect to, by itself or as everybody may. */
  readonly databases: readonly string[]
}

/** What a role is given inside one database, by itself and through others. */
export interface GivenFacts {
  readonly anything: boolean
  /** Schemas that hold what it was granted and that it may not look into. */
  readonly closedSchemas: readonly string[]
}

/** Reads what the admin login may do. */
export async function readLoginFacts({ client, version, dataSource }: Target): Promise<LoginFacts> {
  const { rows } = await client.query<LoginFacts>(
    `select current_user as name, r.rolsuper as superuser, r.rolcreaterole or r.rolsuper as "mayCreateRoles",
            pg_has_role('pg_signal_backend', 'usage') as "mayEndBackends",
            coalesce((select json_agg(s.rolname order by s.rolname)
                        from pg_roles s
                       where s.rolname = any ($1)
                         and $2 >= 160000
                         and not pg_has_role(s.oid, 'member with admin option')), '[]') as "outOfReach",
            cast(current_setting('max_prepared_transactions') as integer) as "preparedTransactions",
            cast(extract(epoch from clock_timestamp()) * 1000 as double precision) as clock,
            (select json_agg(json_build_object('name', d.datname,
                                               'mayConnect', has_database_privilege(d.oid, 'connect'))
                             order by d.datname)
               from pg_database d
              where d.datallowconn
                and not d.datistemplate) as databases
       from pg_roles r
      where r.rolname = current_user`,
    [[MARKER, dataSource.residueOwner], version],
  )
  if (rows[0] === undefined) throw new Error('a login that has no role')
  return rows[0]
}

/** Reads what it takes to lend a role; undefined where there is no such role. */
export async function readRoleFacts(
  { client, version }: Target,
  databaseRole: string,
): Promise<RoleFacts | undefined> {
  const { rows } = await client.query<RoleFacts>(
    `select case when $2 >= 160000 or r.rolsuper
                 then pg_has_role(r.oid, 'member with admin option')
                 else (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
            end as grantable,
            coalesce((select json_agg(d.datname)
                        from pg_database d
                       where has_database_privilege(r.oid, d.oid, 'connect')), '[]') as databases
       from pg_roles r
      where r.rolname = $1`,
    [databaseRole, version],
  )
  return rows[0]
}

/** Reads what a role is given in the database that the target is connected to. */
export async function readGivenFacts(
  { client }: Target,
  databaseRole: string,
): Promise<GivenFacts> {
  const { rows } = await client.query<GivenFacts>(
    `with recursive lent as (
       select oid
         from pg_roles
        where rolname = $1
        union
       select m.roleid
         from pg_auth_members m
         join lent on lent.oid = m.member
     ), given as (
       select c.relnamespace as schema
         from pg_class c cross join lateral aclexplode(c.relacl) x
        where x.grantee in (select oid from lent)
        union
       select c.relnamespace
         from pg_attribute a
         join pg_class c on c.oid = a.attrelid cross join lateral aclexplode(a.attacl) x
        where x.grantee in (select oid from lent)
        union
       select p.pronamespace
         from pg_proc p cross join lateral aclexplode(p.proacl) x
        where x.grantee in (select oid from lent)
     )
     select count(*) > 0 as anything,
            coalesce(json_agg(n.nspname order by n.nspname)
                       filter (where not has_schema_privilege($1, n.oid, 'usage')), '[]') as "closedSchemas"
       from given g
       join pg_namespace n on n.oid = g.schema`,
    [databaseRole],
  )
  if (rows[0] === undefined) throw new Error('a select without a row')
  return rows[0]
}

/** Schemas of this database in which everybody may create, session users too. */
export async function listOpenSchemas({ client }: Target): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select n.nspname as name
       from pg_namespace n cross join lateral aclexplode(n.nspacl) x
      where x.grantee = 0
        and x.privilege_type = 'CREATE'
      order by n.nspname`,
  )
  return rows.map(({ name }) => name)
}
