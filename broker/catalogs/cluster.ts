import { rightsOf } from './sql.ts'
import { MARKER } from '../session-users/session-users.ts'

/**
 * What all databases of a server share: roles, memberships, settings, databases, tablespaces. Session
 * users are Daypass's own to make and take away, and so is what it needs for that ($1 names the owner
 * of leftovers).
 */
export const CLUSTER_LINES = `
with session_users as (
  select r.oid
    from pg_roles r
   where r.rolname <> current_user
     and shobj_description(r.oid, 'pg_authid') ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
     and exists (select
                   from pg_auth_members m
                   join pg_roles g on g.oid = m.roleid
                  where m.member = r.oid
                    and g.rolname = '${MARKER}')
)
select 'role' as kind, quote_ident(r.rolname) as name, '{}'::text[] as parents, array[r.oid::int8] as by,
       json_build_object(
         'superuser', nullif(r.rolsuper, false), 'createrole', nullif(r.rolcreaterole, false),
         'createdb', nullif(r.rolcreatedb, false), 'login', nullif(r.rolcanlogin, false),
         'replication', nullif(r.rolreplication, false), 'bypassrls', nullif(r.rolbypassrls, false),
         'noinherit', nullif(not r.rolinherit, false), 'connection limit', nullif(r.rolconnlimit, -1),
         'valid until', r.rolvaliduntil) as facts
  from pg_roles r
 where r.oid not in (select oid from session_users)
 union all
select 'role membership', quote_ident(pg_get_userbyid(a.roleid)) || ' to ' || quote_ident(pg_get_userbyid(a.member)),
       '{}', array_agg(distinct a.grantor::int8),
       json_build_object('granted by', string_agg(distinct pg_get_userbyid(a.grantor), ', '),
                         'admin', nullif(bool_or(a.admin_option), false),
                         'inherit', bool_or((to_jsonb(a) ->> 'inherit_option')::boolean),
                         'set', bool_or((to_jsonb(a) ->> 'set_option')::boolean))
  from pg_auth_members a
  join pg_roles g on g.oid = a.roleid
  join pg_roles m on m.oid = a.member
 where g.rolname <> '${MARKER}'
   and not (g.rolname = $1 and m.rolname = current_user)
   and g.oid not in (select oid from session_users)
   and m.oid not in (select oid from session_users)
 group by a.roleid, a.member
 union all
-- values may be secrets: only the names of what is set are kept
select 'role setting',
       coalesce('role ' || quote_ident(pg_get_userbyid(nullif(s.setrole, 0))), 'every role')
       || coalesce(' in database ' || quote_ident(d.datname), ''),
       '{}', array[s.setrole::int8],
       json_build_object('parameters', (select string_agg(split_part(c, '=', 1), ', ' order by c)
                                          from unnest(s.setconfig) c),
                         '#values', md5(s.setconfig::text))
  from pg_db_role_setting s
  left join pg_database d on d.oid = s.setdatabase
 where s.setrole not in (select oid from session_users)
 union all
select 'database', quote_ident(datname), '{}', array[datdba::int8],
       json_build_object('owner', pg_get_userbyid(datdba), ${rightsOf('datacl', 'd', 'datdba')},
                         'connections allowed', datallowconn, 'connection limit', nullif(datconnlimit, -1))
  from pg_database
 union all
select 'tablespace', quote_ident(spcname), '{}', array[spcowner::int8],
       json_build_object('owner', pg_get_userbyid(spcowner), ${rightsOf('spcacl', 't', 'spcowner')})
  from pg_tablespace
 union all
select 'parameter', parname, '{}', '{}', json_build_object('rights', paracl::text)
  from pg_parameter_acl`
