import type { Target } from '../sources/data-source.ts'
import { TRIGGERING } from './triggers.ts'

/** What one role brings to whoever is made a member of it. */
export interface Carried {
  readonly databaseRole: string
  readonly exists: boolean
  /** What makes it too powerful to lend, a phrase each. */
  readonly dangers: readonly string[]
  /** What whoever lends it should know, a phrase each. */
  readonly cautions: readonly string[]
}

/** A role about to be lent, and whether its definition owns up to being dangerous. */
export interface Lent {
  readonly databaseRole: string
  readonly dangerous: boolean
}

/**
 * Why roles can't be lent at this moment, in a sentence; undefined where they can. One statement for
 * all of them, so that it can be asked at every grant. Of rights inside databases it sees those of the
 * database it is connected to; a full check visits them all.
 */
export async function lendingFault(
  target: Target,
  roles: readonly Lent[],
): Promise<string | undefined> {
  const found = await readCarried(
    target,
    roles.map(({ databaseRole }) => databaseRole),
    'grant',
  )
  for (const { databaseRole, dangerous } of roles) {
    const carried = found.find((each) => each.databaseRole === databaseRole)
    if (carried?.exists !== true) {
      return `${target.dataSource.name} has no role ${JSON.stringify(databaseRole)} any more.`
    }
    if (carried.dangers.length > 0 && !dangerous) {
      return `${databaseRole} is too powerful to lend (${carried.dangers.join('; ')}).`
    }
  }
  return undefined
}

/**
 * Reads what roles carry by themselves and through every role they are members of. Options of those
 * memberships are not asked for: what ADMIN, INHERIT or SET leave out today, the role can have again
 * tomorrow by one GRANT that Daypass does not see. A grant is not told of cautions that take long to find.
 */
export async function readCarried(
  { client, version }: Target,
  databaseRoles: readonly string[],
  at: 'grant' | 'test' = 'test',
): Promise<Carried[]> {
  const settings = version >= 150_000 ? ALTERED_SETTINGS : ''
  const triggering = at === 'test' ? `union all ${TRIGGERING}` : ''
  // named, so that it is planned once per connection: it is asked at every grant
  const { rows } = await client.query<Carried>({
    name: `daypass_carried_${at}`,
    text: `${CLOSURE}, carried as (${ATTRIBUTES} union all ${PREDEFINED} union all ${ADMINISTERED}
                             union all ${OWNED} union all ${CREATING} union all ${ESCAPING}
                             ${triggering} ${settings})
     select a.name as "databaseRole", to_regrole(quote_ident(a.name)) is not null as exists,
            coalesce((select json_agg(said order by said)
                        from (${SAID}) as c where c.danger), '[]') as dangers,
            coalesce((select json_agg(said order by said)
                        from (${SAID}) as c where not c.danger), '[]') as cautions
       from unnest($1::text[]) with ordinality as a (name, place)
      order by a.place`,
    values: [[...databaseRoles], ...predefinedRoles()],
  })
  return rows
}

/** What each asked role is a member of, itself included, however far away. */
const CLOSURE = `
with recursive lent as (
  select r.rolname as asked, r.oid
    from pg_roles r
   where r.rolname = any ($1)
   union
  select l.asked, m.roleid
    from lent l
   cross join lateral (select roleid from pg_auth_members where member = l.oid offset 0) as m
)`

/** One phrase for each thing carried, with the role that it comes through. */
const SAID = `
select distinct c.danger, c.phrase || case when r.rolname = c.asked then '' else ' through ' || r.rolname end as said
  from carried c
  join pg_roles r on r.oid = c.oid
 where c.asked = a.name`

/** One by one by their OIDs: the planner takes a closure for large, and would read every role there is. */
const ROLE = `select * from pg_roles where oid = l.oid offset 0`

const ATTRIBUTES = `
select l.asked, l.oid, true as danger, p.phrase
  from lent l
 cross join lateral (${ROLE}) as r
 cross join lateral (values (r.rolsuper, 'superuser'),
                            (r.rolcreaterole, 'may create roles'),
                            (r.rolcreatedb, 'may create databases'),
                            (r.rolreplication, 'may replicate'),
                            (r.rolbypassrls, 'passes row security')) as p (holds, phrase)
 where p.holds`

const PREDEFINED = `
select l.asked, l.oid, p.danger, p.phrase
  from lent l
 cross join lateral (${ROLE}) as r
  join unnest($2::text[], $3::boolean[], $4::text[]) as p (name, danger, phrase) on p.name = r.rolname`

/** Whoever may pass a role on may give it to somebody whom nothing here ever sees. */
const ADMINISTERED = `
select l.asked, l.oid, true, 'may pass on ' || g.rolname
  from lent l
 cross join lateral (select roleid from pg_auth_members where member = l.oid and admin_option offset 0) as m
  join pg_roles g on g.oid = m.roleid`

/** An owner's rights are nowhere granted, so that no removal of grants takes them away. */
const OWNED = `
select l.asked, l.oid, true,
       format('owns %s object(s) in %s', count(*),
              coalesce('database ' || d.datname, 'the cluster'))
  from lent l
  join pg_shdepend s on s.refobjid = l.oid and s.refclassid = 'pg_authid'::regclass and s.deptype = 'o'
  left join pg_database d on d.oid = s.dbid
 group by l.asked, l.oid, d.datname`

/** Rights that everybody has are no danger of this role; the data source's own check tells of them. */
const CREATING = `
select l.asked, l.oid, true, 'may create in schema ' || n.nspname || ' of database ' || current_database()
  from lent l
  join (pg_namespace n cross join lateral aclexplode(n.nspacl) x) on x.grantee = l.oid
 where x.privilege_type = 'CREATE'
 union all
select l.asked, l.oid, true, 'may create schemas in database ' || d.datname
  from lent l
  join (pg_database d cross join lateral aclexplode(d.datacl) x) on x.grantee = l.oid
 where x.privilege_type = 'CREATE'`

/**
 * Functions that PostgreSQL and its extensions keep from everybody, because they lead out of the
 * databases (its manual: generic file access functions, lo_import, dblink_connect_u): a grant of one is
 * as good as the predefined role. Written in C alone, so that a namesake is not meant.
 */
const ESCAPING = `
select l.asked, l.oid, true, f.phrase
  from (values ('pg_read_file', 'reads files of the server'),
               ('pg_read_binary_file', 'reads files of the server'),
               ('lo_import', 'reads files of the server'),
               ('lo_export', 'writes files of the server'),
               ('pg_file_write', 'writes files of the server'),
               ('dblink_connect_u', 'connects the server to other servers')) as f (name, phrase)
  join (pg_proc p cross join lateral aclexplode(p.proacl) x) on p.proname = f.name and x.privilege_type = 'EXECUTE'
  join pg_language n on n.oid = p.prolang and n.lanname in ('internal', 'c')
  join lent l on l.oid = x.grantee`

/** ALTER SYSTEM reaches the server itself: archive_command is a program it runs. */
const ALTERED_SETTINGS = `
union all
select l.asked, l.oid, true, 'alters the server''s setting ' || p.parname
  from lent l
  join (pg_parameter_acl p cross join lateral aclexplode(p.paracl) x) on x.grantee = l.oid
 where x.privilege_type = 'ALTER SYSTEM'`

/**
 * Predefined roles (PostgreSQL, 22.5). A danger is what leads out of the databases, or what lets a
 * session user stop its own removal: pg_signal_backend ends the broker's connections too, unless the
 * broker is a superuser. pg_maintain, pg_monitor and those that read or write all data stay within
 * the databases and end with the membership: approvers are told.
 */
const PREDEFINED_ROLES: Readonly<Record<string, readonly ['danger' | 'caution', string]>> = {
  pg_execute_server_program: ['danger', 'runs programs on the server'],
  pg_read_server_files: ['danger', 'reads files of the server'],
  pg_write_server_files: ['danger', 'writes files of the server'],
  pg_create_subscription: ['danger', 'connects the server to other servers'],
  pg_signal_backend: ['danger', "ends other people's connections"],
  pg_read_all_data: ['caution', 'reads all data'],
  pg_write_all_data: ['caution', 'writes all data'],
  pg_maintain: ['caution', 'locks and maintains all tables'],
  pg_monitor: ['caution', "sees other people's statements"],
  pg_read_all_stats: ['caution', "sees other people's statements"],
  pg_read_all_settings: ['caution', 'reads all settings'],
  pg_use_reserved_connections: ['caution', 'uses reserved connections'],
}

function predefinedRoles(): [string[], boolean[], string[]] {
  const all = Object.entries(PREDEFINED_ROLES)
  return [
    all.map(([name]) => name),
    all.map(([, [kind]]) => kind === 'danger'),
    all.map(([, [, phrase]]) => phrase),
  ]
}
