import type { DateTime } from 'luxon'
import type { Target } from '../sources/data-source.ts'
import { DataSourceError } from '../errors.ts'
import { identifier, literal } from '../sources/identifiers.ts'

/** Every session user is a member of it, and nothing else is: that is how they are found. */
export const MARKER = 'daypass_session'

/** A role found on a data source. */
export interface FoundRole {
  readonly oid: number
  readonly name: string
  /** What its comment says; a session's UUID on ours. */
  readonly comment: string | null
  readonly marked: boolean
  readonly canLogIn: boolean
  readonly connectionLimit: number
}

/** A role of ours with all that somebody might have altered; passwords can't be read. */
export interface MarkedRole extends FoundRole {
  /** ISO-8601, UTC, milliseconds; null where it never ends. */
  readonly validUntil: string | null
  /** Attributes it must not have, in the words of ALTER ROLE that take them away. */
  readonly excess: readonly string[]
  readonly memberships: readonly Membership[]
  /** Who was made a member of it, other than the admin login. */
  readonly members: readonly { readonly name: string; readonly grantor: string }[]
}

export interface Membership {
  readonly role: string
  /** Who granted it. */
  readonly grantor: string
  /** From 16 on SET ROLE is refused to session users, and ADMIN OPTION always. */
  readonly sets: boolean
  readonly administers: boolean
}

/** What a session user is known by, also after somebody took its name, marker or comment away. */
export interface UserSigns {
  readonly username: string
  readonly sessionUuid: string
  /** Null until it is known to have been made. */
  readonly roleOid: number | null
}

/** What a session's end is written as in PostgreSQL's own text. */
export function validUntilOf(end: DateTime<true>): string {
  return end.toUTC().toISO({ suppressMilliseconds: false })
}

/** One role by its exact name. */
export async function findRole(target: Target, name: string): Promise<FoundRole | undefined> {
  return (await listRoles(target, 'r.rolname = $1', [name]))[0]
}

/** findRole as SQL without bound values, for those who ask several things in one go. */
export function sqlToFindRole(name: string): string {
  return sqlToListRoles(`r.rolname = ${literal(name)}`)
}

/** True for a role that we made for this session: marked, and with its UUID as comment. */
export function isOurs(role: FoundRole, sessionUuid: string): boolean {
  return role.marked && role.comment === sessionUuid
}

/** What a data source has of the users asked for; everything by the session's UUID. */
export interface FoundUsers {
  readonly users: ReadonlyMap<string, FoundRole>
  /** A role that has the user's OID and nothing else of it. */
  readonly doubtful: ReadonlyMap<string, FoundRole>
  /** Whose OID a role has that an administrator says is somebody else's. */
  readonly disclaimed: ReadonlySet<string>
}

/** The users of these sessions, whatever was done to their signs. */
export async function findUsers(target: Target, signs: readonly UserSigns[]): Promise<FoundUsers> {
  const found = await listRoles(target, 'r.rolname = any ($1) or r.oid = any ($2)', [
    signs.map(({ username }) => username),
    signs.flatMap(({ roleOid }) => (roleOid === null ? [] : [roleOid])),
  ])
  const users = new Map<string, FoundRole>()
  const doubtful = new Map<string, FoundRole>()
  const disclaimed = new Set<string>()
  for (const sign of signs) {
    const role =
      found.find((each) => isRecorded(each, sign)) ??
      found.find((each) => each.name === sign.username && isOurs(each, sign.sessionUuid))
    const bare = found.find(({ oid }) => oid === sign.roleOid)
    if (role !== undefined) users.set(sign.sessionUuid, role)
    else if (bare?.comment === disclaimerOf(sign.sessionUuid)) disclaimed.add(sign.sessionUuid)
    else if (bare !== undefined) doubtful.set(sign.sessionUuid, bare)
  }
  return { users, doubtful, disclaimed }
}

/**
 * A login that lost all its signs must not pass for gone, nor another's role for ours: only people
 * can tell. Errors: `removal_unfinished`, with the SQL by which they do.
 */
export function refuseDoubtful({ doubtful }: FoundUsers): void {
  for (const [sessionUuid, { name }] of doubtful) {
    const say = (comment: string): string =>
      `comment on role ${identifier(name)} is ${literal(comment)};`
    throw new DataSourceError(
      'removal_unfinished',
      `Role ${identifier(name)} has the OID of its database user, but not its name, comment or marker. ` +
        `If it is that user, an administrator runs: ${say(sessionUuid)} ` +
        `If it is somebody else's: ${say(disclaimerOf(sessionUuid))}`,
    )
  }
}

function disclaimerOf(sessionUuid: string): string {
  return `not of session ${sessionUuid}`
}

/**
 * Every member of the marker role, with what it is allowed; and those of these users who were taken out
 * of it.
 */
export function listMarkedRoles(
  target: Target,
  known: readonly UserSigns[],
): Promise<MarkedRole[]> {
  const made = known.filter(({ roleOid }) => roleOid !== null)
  return listMarked(
    target,
    `r.oid in (${MARKED})
         or (r.oid, r.rolname) in (select oid, name
                                     from unnest(cast($1 as oid[]), cast($2 as name[])) as known(oid, name))`,
    [made.map(({ roleOid }) => roleOid), made.map(({ username }) => username)],
  )
}

/** The same of one role by its OID, marked or not. */
export async function findMarkedRole(target: Target, oid: number): Promise<MarkedRole | undefined> {
  return (await listMarked(target, 'r.oid = $1', [oid]))[0]
}

async function listMarked(
  { client, version }: Target,
  condition: string,
  values: readonly unknown[],
): Promise<MarkedRole[]> {
  const { rows } = await client.query<MarkedRole>(
    `select ${ROLE}, r.oid in (${MARKED}) as marked,
            case when isfinite(r.rolvaliduntil)
                 then to_char(r.rolvaliduntil at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') end
              as "validUntil",
            array_remove(array[case when r.rolsuper then 'nosuperuser' end,
                               case when r.rolcreaterole then 'nocreaterole' end,
                               case when r.rolcreatedb then 'nocreatedb' end,
                               case when r.rolreplication then 'noreplication' end,
                               case when r.rolbypassrls then 'nobypassrls' end], null) as excess,
            (select json_agg(json_build_object(
                      'role', g.rolname, 'grantor', pg_get_userbyid(m.grantor),
                      'sets', ${version >= 160_000 ? 'm.set_option' : 'false'},
                      'administers', m.admin_option) order by g.rolname)
               from pg_auth_members m
               join pg_roles g on g.oid = m.roleid
              where m.member = r.oid) as memberships,
            (select coalesce(json_agg(json_build_object(
                      'name', u.rolname, 'grantor', pg_get_userbyid(m.grantor)) order by u.rolname), '[]')
               from pg_auth_members m
               join pg_roles u on u.oid = m.member
              where m.roleid = r.oid
                and u.rolname <> current_user) as members
       from pg_roles r
      -- from 16 on, who made the marker is a member of it
      where r.rolname <> current_user
        and (${condition})`,
    [...values],
  )
  return rows
}

/** An OID can come round again in time, so it alone is no proof. */
function isRecorded(role: FoundRole, { username, sessionUuid, roleOid }: UserSigns): boolean {
  const known = role.name === username || role.comment === sessionUuid || role.marked
  return role.oid === roleOid && known
}

async function listRoles(
  { client }: Target,
  condition: string,
  values: readonly unknown[],
): Promise<FoundRole[]> {
  const { rows } = await client.query<FoundRole>(sqlToListRoles(condition), [...values])
  return rows
}

function sqlToListRoles(condition: string): string {
  return `
     select ${ROLE}, r.rolname <> current_user and r.oid in (${MARKED}) as marked
       from pg_roles r
      where ${condition}`
}

const ROLE = `
            r.oid, r.rolname as name, shobj_description(r.oid, 'pg_authid') as comment,
            r.rolcanlogin as "canLogIn", r.rolconnlimit as "connectionLimit"`

const MARKED = `
            select m.member
              from pg_auth_members m
             where m.roleid = to_regrole('${MARKER}')`
