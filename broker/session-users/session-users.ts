import type { DateTime } from 'luxon'
import pg from 'pg'
import { VERSION_16, type Target } from '../sources/data-source.ts'
import { DataSourceError } from '../errors.ts'
import {
  findUsers,
  refuseDoubtful,
  isOurs,
  MARKER,
  sqlToFindRole,
  validUntilOf,
  type FoundRole,
  type FoundUsers,
  type UserSigns,
} from './found-roles.ts'
import { identifier, literal } from '../sources/identifiers.ts'
import { lockKeyOf, lockSoon } from './session-lock.ts'

export { findRole, isOurs, MARKER, type FoundRole } from './found-roles.ts'

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

/** What is asked and told in the midst of a change on a data source. */
export interface Checkpoints {
  /**
   * Asked once the session's lock is held, before anything is changed: throws where the change is
   * not ours to make any more. Whoever took over from us has waited for that lock, or has been.
   */
  readonly mayGoOn: () => Promise<void>
  /** Told when the change is made and not yet committed. */
  readonly done: () => Promise<void>
}

/** SQLSTATE undefined_object (PostgreSQL, appendix A). */
const UNDEFINED_OBJECT = '42704'

/**
 * Makes the marker and the owner of leftovers where they are missing, and lets us hand over to the latter;
 * returns the SQL that did.
 */
export async function ensureSharedRoles(target: Target): Promise<readonly string[]> {
  const { residueOwner } = target.dataSource
  const { rows } = await target.client.query<{ name: string; missing: boolean; ready: boolean }>(
    `select name, r.oid is null as missing, coalesce(pg_has_role(r.oid, 'usage'), false) as ready
       from unnest(array[$1, $2]) as shared(name)
       left join pg_roles r on r.rolname = name`,
    [MARKER, residueOwner],
  )
  const making = rows
    .filter(({ missing }) => missing)
    .map(({ name }) => `create role ${identifier(name)} nologin`)
  const isReady = rows.some(({ name, ready }) => name === residueOwner && ready)
  const sql = isReady ? making : [...making, grantToSelf(target, residueOwner)]
  for (const each of sql) await run(target, each)
  return sql
}

/**
 * Makes a session user that can't log in yet, in one transaction, and returns its OID; finds the
 * one an earlier try made. Errors: `role_not_ours` where the name belongs to somebody else.
 */
export async function createSessionUser(
  target: Target,
  user: NewSessionUser,
  { mayGoOn, done }: Checkpoints,
): Promise<number> {
  return withUser(target, user, async (found) => {
    await mayGoOn()
    if (found !== undefined) return adopt(found, user)
    const made = await askLast<{ oid: number }>(
      target,
      `${sqlFor(target, user)};
       select oid from pg_roles where rolname = ${literal(user.name)}`,
    )
    if (made === undefined) throw new Error(`${user.name} is not there after it was made`)
    await done()
    return made.oid
  })
}

/** Lets a session user log in, unless it is not ours; tells whether it may now. */
export async function enableLogin(
  target: Target,
  user: { readonly name: string; readonly sessionUuid: string },
  { mayGoOn, done }: Checkpoints,
): Promise<boolean> {
  return withUser(target, user, async (found) => {
    await mayGoOn()
    if (found === undefined || !isOurs(found, user.sessionUuid)) return false
    // the mark that disableLogin left
    if (found.connectionLimit === 0) return false
    if (!found.canLogIn) await run(target, `alter role ${identifier(user.name)} login`)
    await done()
    return true
  })
}

/** What a data source had of users that were shut out. */
export interface ShutOut extends FoundUsers {
  /** UUIDs of sessions whose lock was not to be had: one that is being made behind it was not seen. */
  readonly locked: ReadonlySet<string>
}

/** A user that alters itself in a transaction that it leaves open must not hold up the others. */
const SHUT_OUT_PATIENCE_MS = 500

/**
 * Keeps session users from logging in again, at once and for good, in one commit; returns those that
 * the data source has. Waits for a making of them that is under way, but not for long: their locks
 * are open to everybody there, and what is made or let in afterwards finds that its session is over.
 * Errors: `removal_unfinished` where nobody can tell whether a role is one of them.
 */
export function shutOutUsers(
  target: Target,
  signs: readonly UserSigns[],
  done: () => Promise<void>,
): Promise<ShutOut> {
  const patience = `begin; set local lock_timeout = ${String(SHUT_OUT_PATIENCE_MS)}`
  return inTransactionFrom(
    target,
    () => run(target, patience),
    async () => {
      const uuids = signs.map(({ sessionUuid }) => sessionUuid)
      const locked = await lockSoon(target, uuids)
      const found = await findUsers(target, signs)
      refuseDoubtful(found)
      const { users } = found
      if (users.size > 0) await run(target, [...users.values()].map(withoutLogin).join(';\n'))
      await done()
      return { ...found, locked }
    },
  )
}

/** Takes a role's login away. */
export function disableLogin(target: Target, role: FoundRole): Promise<void> {
  return run(target, withoutLogin(role))
}

/** Runs one statement, or several in one go, that take no bound values. */
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

/** Membership of a session user in a role it asked for, and no way on from there. */
export function grantToUser(target: Target, role: string, user: string): string {
  return `grant ${identifier(role)} to ${identifier(user)}${options(
    target,
    role === MARKER ? 'inherit false, set false' : 'inherit true, set false',
  )}`
}

/** Membership options, on the servers that have them. */
export function options({ version }: Target, list: string): string {
  return version >= VERSION_16 ? ` with ${list}` : ''
}

/** All of it or none. */
export function inTransaction<T>(target: Target, work: () => Promise<T>): Promise<T> {
  return inTransactionFrom(target, () => run(target, 'begin'), work)
}

/** The same, begun in the same go as whatever comes first. */
async function inTransactionFrom<First, T>(
  { client }: Target,
  begin: () => Promise<First>,
  work: (first: First) => Promise<T>,
): Promise<T> {
  try {
    const result = await work(await begin())
    await client.query('commit')
    return result
  } catch (error) {
    // where this fails too, the connection is gone and the server has rolled back by itself
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** A transaction that no other broker's work on the same session runs beside. */
export function exclusively<T>(
  target: Target,
  sessionUuid: string,
  work: () => Promise<T>,
): Promise<T> {
  return inTransactionFrom(target, () => run(target, `begin; ${sqlToLock(sessionUuid)}`), work)
}

/** The same, with a look at the session's user, if it is there, as it is under the lock. */
function withUser<T>(
  target: Target,
  { name, sessionUuid }: { readonly name: string; readonly sessionUuid: string },
  work: (found: FoundRole | undefined) => Promise<T>,
): Promise<T> {
  const opening = `
    begin;
    ${sqlToLock(sessionUuid)};
    ${sqlToFindRole(name)}`
  return inTransactionFrom(target, () => askLast<FoundRole>(target, opening), work)
}

/** The first row of the last of several statements in one go, if it has one. */
export async function askLast<Row extends pg.QueryResultRow>(
  { client }: Target,
  sql: string,
): Promise<Row | undefined> {
  // the driver answers one go of several statements with a list, which its types leave out
  const answer: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(sql)
  return [answer].flat().at(-1)?.rows[0]
}

function sqlToLock(sessionUuid: string): string {
  return `select pg_advisory_xact_lock(${lockKeyOf(literal(sessionUuid))})`
}

/** One go: the user, its comment and its memberships. */
function sqlFor(target: Target, user: NewSessionUser): string {
  const name = identifier(user.name)
  return [
    `create role ${name} nologin inherit nosuperuser nocreatedb nocreaterole noreplication
       connection limit ${String(user.connectionLimit)}
       valid until ${literal(validUntilOf(user.end))}
       password ${literal(user.verifier)}`,
    `comment on role ${name} is ${literal(user.sessionUuid)}`,
    ...[MARKER, ...user.roles].map((role) => grantToUser(target, role, user.name)),
  ].join(';\n')
}

function adopt(found: FoundRole, user: NewSessionUser): number {
  if (isOurs(found, user.sessionUuid)) return found.oid
  throw new DataSourceError(
    'role_not_ours',
    `A role named ${user.name} exists and was not made for this session; it is left alone.`,
  )
}

function withoutLogin({ name }: FoundRole): string {
  return `alter role ${identifier(name)} nologin connection limit 0 valid until 'now'`
}
