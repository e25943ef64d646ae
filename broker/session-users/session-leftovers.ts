import { sentenceOf } from '../../lib/errors.ts'
import { serverErrorIn, VERSION_16, type Target } from '../sources/data-source.ts'
import { DataSourceError } from '../errors.ts'
import type { FoundRole } from './found-roles.ts'
import { identifier, literal } from '../sources/identifiers.ts'
import { askLast, grantToSelf, inTransaction, options, run, unlessGone } from './session-users.ts'

/** SQLSTATE insufficient_privilege (PostgreSQL, appendix A). */
const INSUFFICIENT_PRIVILEGE = '42501'

/** A database that holds something of a user: objects, rights, prepared transactions. */
export interface Place {
  readonly database: string
  /** False where PostgreSQL lets nobody in: a template, mostly. */
  readonly isOpen: boolean
  /** True where the admin login may connect. */
  readonly mayConnect: boolean
}

/**
 * Makes the admin login a member of a session user for as long as that user is still there: only so
 * may a login that is no superuser roll back its transactions and hand over its objects.
 */
export async function joinSessionUser(target: Target, role: FoundRole): Promise<void> {
  await run(target, grantToSelf(target, role.name))
}

/**
 * Where users have left something, each under its OID. What belongs to the whole cluster, such as a
 * right on a database or a membership that it granted, counts as lying in the one connected to.
 */
export async function listPlaces(
  { client }: Target,
  roles: readonly FoundRole[],
): Promise<ReadonlyMap<number, readonly Place[]>> {
  const { rows } = await client.query<{ oid: number; places: readonly Place[] }>(
    `with asked as (
       select oid, name from unnest(cast($1 as oid[]), cast($2 as text[])) as asked(oid, name)
     ), touched as (
       select asked.oid, nullif(d.dbid, 0) as dbid, null as database
         from asked
         join pg_shdepend d on d.refclassid = 'pg_authid'::regclass and d.refobjid = asked.oid
        union
       select asked.oid, null, p.database
         from asked
         join pg_prepared_xacts p on p.owner = asked.name
     )
     select touched.oid,
            json_agg(distinct jsonb_build_object(
              'database', d.datname, 'isOpen', d.datallowconn,
              'mayConnect', has_database_privilege(d.oid, 'connect'))) as places
       from touched
       join pg_database d on d.oid = dbid
                          or d.datname = coalesce(database, case when dbid is null then current_database() end)
      group by touched.oid`,
    [roles.map(({ oid }) => oid), roles.map(({ name }) => name)],
  )
  return new Map(rows.map(({ oid, places }) => [oid, places]))
}

/** Errors: `removal_unfinished` where a database can't be entered, with what lets us in. */
export function refuseClosed({ dataSource, login }: Target, places: readonly Place[]): void {
  const shut = places.find(({ isOpen, mayConnect }) => !isOpen || !mayConnect)
  if (shut === undefined) return
  const database = identifier(shut.database)
  const remedy = shut.isOpen
    ? `grant connect on database ${database} to ${identifier(login)};`
    : `alter database ${database} allow_connections true;`
  const why = shut.isOpen ? `does not let ${login} in` : 'accepts no connections'
  throw new DataSourceError(
    'removal_unfinished',
    `Database ${shut.database} of ${dataSource.name} holds something of it and ${why}. An administrator runs: ${remedy}`,
  )
}

/** Rolls back what the user prepared in this database: it holds locks, and the role can't go. */
export async function rollbackPrepared(target: Target, role: FoundRole): Promise<void> {
  const { rows } = await target.client.query<{ gid: string }>(
    `select gid
       from pg_prepared_xacts
      where owner = $1
        and database = current_database()`,
    [role.name],
  )
  if (rows.length === 0) return
  await run(target, `set role ${identifier(role.name)}`)
  try {
    for (const { gid } of rows) await unlessGone(run(target, `rollback prepared ${literal(gid)}`))
  } finally {
    await run(target, 'reset role')
  }
}

/**
 * Hands the user's objects in this database to the owner of leftovers, then takes its rights. In
 * this order, because `drop owned` alone would destroy a table that somebody still needs. For the
 * length of the transaction the owner has the user's rights, so that it may take what lies in
 * schemas where only the user may create; nobody else ever sees that. `done` is told before the
 * commit.
 */
export async function clearDatabase(
  target: Target,
  role: FoundRole,
  done: () => Promise<void>,
): Promise<void> {
  const user = identifier(role.name)
  const owner = identifier(target.dataSource.residueOwner)
  await inTransaction(target, async () => {
    await run(target, `grant ${user} to ${owner}${options(target, 'inherit true, set false')}`)
    await handOver(target, user, owner)
    await run(
      target,
      `revoke ${user} from ${owner};
       drop owned by ${user}`,
    )
    await done()
  })
  await refuseRest(target, role)
}

/** Errors: `removal_unfinished` where the owner may not create what it is to have, with the SQL. */
async function handOver(target: Target, user: string, owner: string): Promise<void> {
  const sql = `reassign owned by ${user} to ${owner}`
  try {
    await run(target, sql)
  } catch (error) {
    if (serverErrorIn(error)?.code !== INSUFFICIENT_PRIVILEGE) throw error
    throw new DataSourceError(
      'removal_unfinished',
      `What it owns can't be handed over: ${sentenceOf(error)}. A superuser runs, in database ` +
        `${target.database}: ${sql}; drop owned by ${user};`,
      error,
    )
  }
}

/**
 * Drops users, in one commit; those that are gone already are as good as dropped. Errors:
 * `removal_unfinished` where one lives on under another name, by which the next try knows it.
 */
export async function dropSessionUsers(target: Target, roles: readonly FoundRole[]): Promise<void> {
  const drop = `drop role if exists ${roles.map(({ name }) => identifier(name)).join(', ')}`
  const oids = roles.map(({ oid }) => String(oid)).join(', ')
  const look = `select rolname as name from pg_roles where oid in (${oids}) limit 1`
  const left = await askLast<{ name: string }>(
    target,
    [...(await revocationsOf(target, roles)), drop, look].join(';\n'),
  )
  if (left === undefined) return
  throw new DataSourceError(
    'removal_unfinished',
    `Somebody named it ${identifier(left.name)} meanwhile; trying again.`,
  )
}

/** From 16 on `drop owned` takes back the memberships that a user granted; before, they outlive it. */
async function revocationsOf(
  { client, version }: Target,
  roles: readonly FoundRole[],
): Promise<string[]> {
  if (version >= VERSION_16) return []
  const { rows } = await client.query<{ role: string; member: string }>(
    `select g.rolname as role, u.rolname as member
       from pg_auth_members m
       join pg_roles g on g.oid = m.roleid
       join pg_roles u on u.oid = m.member
      where m.grantor = any ($1)`,
    [roles.map(({ oid }) => oid)],
  )
  return rows.map(({ role, member }) => `revoke ${identifier(role)} from ${identifier(member)}`)
}

/**
 * What others gave the user, only they can take back, or a superuser. Errors: `removal_unfinished`,
 * with the SQL.
 */
async function refuseRest(target: Target, role: FoundRole): Promise<void> {
  const { rows } = await target.client.query<{ what: string }>(
    `select pg_describe_object(classid, objid, objsubid) as what
       from pg_shdepend
      where refclassid = 'pg_authid'::regclass
        and refobjid = $1
        and dbid in (0, (select oid from pg_database where datname = current_database()))
      order by what
      limit 10`,
    [role.oid],
  )
  if (rows.length === 0) return
  throw new DataSourceError(
    'removal_unfinished',
    `Somebody else gave it privileges for ${rows.map(({ what }) => what).join(', ')}, which only they ` +
      `or a superuser can take back. An administrator runs, in database ${target.database}: ` +
      `drop owned by ${identifier(role.name)};`,
  )
}
