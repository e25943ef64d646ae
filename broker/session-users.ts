import { setTimeout as sleep } from 'node:timers/promises'
import type { DateTime } from 'luxon'
import pg from 'pg'
import { iso } from '../db/store.ts'
import { VERSION_16, type Target } from './data-source.ts'
import { DataSourceError } from './errors.ts'
import { identifier, literal } from './identifiers.ts'

/** Every session user is a member of it, and nothing else is: that is how they are found. */
export const MARKER = 'daypass_session'

/** A session user as it is to be made. */
export interface NewSessionUser {
  readonly name: string
  readonly sessionUuid: string
  /** SCRAM verifier of a secret that the proxy alone can open. */
  readonly verifier: string
  readonly connectionLimit: number
  readonly end: DateTime<true>
  readonly roles: readonly string[]
}

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

/** SQLSTATEs (PostgreSQL, appendix A). */
const UNDEFINED_OBJECT = '42704'
const BACKENDS_DEADLINE_MS = 4_000
const BACKENDS_PAUSE_MS = 25

/** Makes the marker and the owner of leftovers where they are missing, and lets us hand over to the latter. */
export async function ensureSharedRoles(target: Target): Promise<void> {
  const { residueOwner } = target.dataSource
  for (const name of [MARKER, residueOwner]) {
    if ((await findRole(target, name)) === undefined) {
      await run(target, `create role ${identifier(name)} nologin`)
    }
  }
  const { rows } = await target.client.query<{ ready: boolean }>(
    `select pg_has_role($1, 'usage') as ready`,
    [residueOwner],
  )
  if (rows[0]?.ready !== true) await run(target, grantToSelf(target, residueOwner))
}

/**
 * Makes a session user that can't log in yet, in one transaction, and returns its OID; finds the
 * one an earlier try made. Errors: `role_not_ours` where the name belongs to somebody else.
 */
export async function createSessionUser(target: Target, user: NewSessionUser): Promise<number> {
  return exclusively(target, user.sessionUuid, async () => {
    const found = await findRole(target, user.name)
    if (found !== undefined) return adopt(found, user)
    const name = identifier(user.name)
    await run(
      target,
      `create role ${name} nologin inherit nosuperuser nocreatedb nocreaterole noreplication
         connection limit ${String(user.connectionLimit)}
         valid until ${literal(iso(user.end))}
         password ${literal(user.verifier)}`,
    )
    await run(target, `comment on role ${name} is ${literal(user.sessionUuid)}`)
    await run(target, `grant ${MARKER} to ${name}${options(target, 'inherit false, set false')}`)
    for (const role of user.roles) {
      await run(
        target,
        `grant ${identifier(role)} to ${name}${options(target, 'inherit true, set false')}`,
      )
    }
    const made = await findRole(target, user.name)
    if (made === undefined) throw new Error(`${user.name} is not there after it was made`)
    return made.oid
  })
}

/** Lets a session user log in, unless its end has begun or it is not ours; tells whether it may now. */
export async function enableLogin(
  target: Target,
  user: { readonly name: string; readonly sessionUuid: string },
): Promise<boolean> {
  return exclusively(target, user.sessionUuid, async () => {
    const found = await findRole(target, user.name)
    if (found === undefined || !isOurs(found, user.sessionUuid)) return false
    // the mark that disableLogin left
    if (found.connectionLimit === 0) return false
    if (!found.canLogIn) await run(target, `alter role ${identifier(user.name)} login`)
    return true
  })
}

/** Sets the proxy's secret again, because a session user may change its own password. */
export async function reassertVerifier(
  target: Target,
  { name, verifier }: { readonly name: string; readonly verifier: string },
): Promise<void> {
  await run(target, `alter role ${identifier(name)} password ${literal(verifier)}`)
}

/** What a session user is known by, also after somebody took its name, marker or comment away. */
export interface UserSigns {
  readonly username: string
  readonly sessionUuid: string
  /** Null until it is known to have been made. */
  readonly roleOid: number | null
}

/**
 * Keeps a session user from logging in again, at once and for good; undefined where the data source
 * has none of ours. Waits for a making of it that is under way, which must not be overlooked.
 */
export function shutOutUser(target: Target, signs: UserSigns): Promise<FoundRole | undefined> {
  return exclusively(target, signs.sessionUuid, async () => {
    const found = await listRoles(target, 'r.rolname = $1 or r.oid = $2', [
      signs.username,
      signs.roleOid,
    ])
    const role =
      found.find((each) => isRecorded(each, signs)) ??
      found.find((each) => isOurs(each, signs.sessionUuid))
    if (role !== undefined) await disableLogin(target, role)
    return role
  })
}

/** Takes a role's login away. */
export function disableLogin(target: Target, { name }: FoundRole): Promise<void> {
  return run(target, `alter role ${identifier(name)} nologin connection limit 0 valid until 'now'`)
}

/**
 * Ends every backend of these users, by OID because a dropped role has no name, until none is seen
 * twice in a row. Returns the OIDs whose backends do not end.
 */
export async function endBackends(
  { client }: Target,
  oids: readonly number[],
): Promise<ReadonlySet<number>> {
  const deadline = performance.now() + BACKENDS_DEADLINE_MS
  let left: ReadonlySet<number> = new Set()
  for (let clear = 0; clear < 2 && oids.length > 0;) {
    const { rows } = await client.query<{ oid: number }>(
      `select usesysid as oid
         from pg_stat_activity
        where usesysid = any ($1)
        group by usesysid
       having count(pg_terminate_backend(pid)) > 0`,
      [oids],
    )
    left = new Set(rows.map(({ oid }) => oid))
    clear = left.size === 0 ? clear + 1 : 0
    if (performance.now() > deadline) return left
    if (clear < 2) await sleep(BACKENDS_PAUSE_MS)
  }
  return left
}

/** The same of one user. Errors: `removal_unfinished`. */
export async function endBackendsOf(target: Target, oid: number): Promise<void> {
  const left = await endBackends(target, [oid])
  if (left.size > 0) throw backendsRemain()
}

/** What is thrown, and tried again, while somebody is still connected. */
export function backendsRemain(): DataSourceError {
  return new DataSourceError('removal_unfinished', 'Its connections do not end; trying on.')
}

/** Every role that carries the marker. */
export async function listMarkedRoles(target: Target): Promise<FoundRole[]> {
  return (await listRoles(target, 'true')).filter(({ marked }) => marked)
}

/** One role by its exact name. */
export async function findRole(target: Target, name: string): Promise<FoundRole | undefined> {
  return (await listRoles(target, 'r.rolname = $1', [name]))[0]
}

/** True for a role that we made for this session: marked, and with its UUID as comment. */
export function isOurs(role: FoundRole, sessionUuid: string): boolean {
  return role.marked && role.comment === sessionUuid
}

/** An OID can come round again in time, so it alone is no proof. */
function isRecorded(role: FoundRole, { username, sessionUuid, roleOid }: UserSigns): boolean {
  const known = role.name === username || role.comment === sessionUuid || role.marked
  return role.oid === roleOid && known
}

/** Runs one statement that takes no bound values. */
export async function run({ client }: Target, sql: string): Promise<void> {
  await client.query(sql)
}

/** Runs work whose object may be gone already, which is as good as done. */
export async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof pg.DatabaseError && error.code === UNDEFINED_OBJECT)) throw error
  }
}

/** Membership of the admin login in a role, with every right that membership can carry. */
export function grantToSelf(target: Target, role: string): string {
  return `grant ${identifier(role)} to current_user${options(target, 'inherit true, set true')}`
}

/** Membership options, on the servers that have them. */
export function options({ version }: Target, list: string): string {
  return version >= VERSION_16 ? ` with ${list}` : ''
}

/** All of it or none. */
export async function inTransaction<T>({ client }: Target, work: () => Promise<T>): Promise<T> {
  await client.query('begin')
  try {
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    // where this fails too, the connection is gone and the server has rolled back by itself
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** A transaction that no other broker's work on the same session runs beside. */
function exclusively<T>(target: Target, sessionUuid: string, work: () => Promise<T>): Promise<T> {
  return inTransaction(target, async () => {
    await target.client.query(
      `select pg_advisory_xact_lock(hashtextextended('daypass ' || $1, 0))`,
      [sessionUuid],
    )
    return work()
  })
}

function adopt(found: FoundRole, user: NewSessionUser): number {
  if (isOurs(found, user.sessionUuid)) return found.oid
  throw new DataSourceError(
    'role_not_ours',
    `A role named ${user.name} exists and was not made for this session; it is left alone.`,
  )
}

async function listRoles(
  { client }: Target,
  condition: string,
  values: readonly unknown[] = [],
): Promise<FoundRole[]> {
  const { rows } = await client.query<FoundRole>(
    `select r.oid, r.rolname as name, shobj_description(r.oid, 'pg_authid') as comment,
            exists (select
                      from pg_auth_members m
                      join pg_roles g on g.oid = m.roleid
                     where m.member = r.oid
                       and g.rolname = '${MARKER}'
                       -- from 16 on, who made the marker is a member of it
                       and r.rolname <> current_user) as marked,
            r.rolcanlogin as "canLogIn", r.rolconnlimit as "connectionLimit"
       from pg_roles r
      where ${condition}`,
    [...values],
  )
  return rows
}
