import type { Target } from './data-source.ts'
import { MARKER } from './session-users.ts'

/** What the admin login may do on its data source. */
export interface LoginFacts {
  readonly name: string
  readonly superuser: boolean
  readonly mayCreateRoles: boolean
  readonly mayEndBackends: boolean
  readonly readOnly: boolean
  /** Shared roles of ours that exist and that this login may not grant. */
  readonly outOfReach: readonly string[]
}

/** What a role on offer brings with it. */
export interface RoleFacts {
  readonly grantable: boolean
  readonly member: boolean
  /** It, or a role it is a member of, with what makes that one too powerful to lend. */
  readonly dangers: readonly string[]
}

/** Reads what the admin login may do. */
export async function readLoginFacts({ client, version, dataSource }: Target): Promise<LoginFacts> {
  const { rows } = await client.query<LoginFacts>(
    `select current_user as name, r.rolsuper as superuser, r.rolcreaterole or r.rolsuper as "mayCreateRoles",
            pg_has_role('pg_signal_backend', 'usage') as "mayEndBackends",
            current_setting('transaction_read_only') = 'on' as "readOnly",
            coalesce((select json_agg(s.rolname order by s.rolname)
                        from pg_roles s
                       where s.rolname = any ($1)
                         and $2 >= 160000
                         and not pg_has_role(s.oid, 'member with admin option')), '[]') as "outOfReach"
       from pg_roles r
      where r.rolname = current_user`,
    [[MARKER, dataSource.residueOwner], version],
  )
  if (rows[0] === undefined) throw new Error('a login that has no role')
  return rows[0]
}

/** Reads what lending a role would mean; undefined where there is no such role. */
export async function readRoleFacts(
  { client, version }: Target,
  databaseRole: string,
): Promise<RoleFacts | undefined> {
  const { rows } = await client.query<RoleFacts>(
    `with recursive lent as (
       select oid
         from pg_roles
        where rolname = $1
        union
       select m.roleid
         from pg_auth_members m
         join lent on lent.oid = m.member
     )
     select case when $2 >= 160000 or r.rolsuper
                 then pg_has_role(r.oid, 'member with admin option')
                 else (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
            end as grantable,
            pg_has_role(r.oid, 'member') as member,
            coalesce((select json_agg(format('%s: %s', d.rolname, concat_ws(', ',
                               case when d.rolsuper then 'superuser' end,
                               case when d.rolcreaterole then 'may create roles' end,
                               case when d.rolcreatedb then 'may create databases' end,
                               case when d.rolreplication then 'may replicate' end,
                               case when d.rolbypassrls then 'passes row security' end,
                               case when d.rolname = any ($3) then 'reaches the server''s files and programs' end))
                             order by d.rolname)
                        from lent
                        join pg_roles d using (oid)
                       where d.rolsuper or d.rolcreaterole or d.rolcreatedb or d.rolreplication
                          or d.rolbypassrls or d.rolname = any ($3)), '[]') as dangers
       from pg_roles r
      where r.rolname = $1`,
    [databaseRole, version, SERVER_ROLES],
  )
  return rows[0]
}

/** Predefined roles that lead out of the database (PostgreSQL, 22.5). */
const SERVER_ROLES = ['pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files']
