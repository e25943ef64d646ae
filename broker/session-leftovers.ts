import type { Target } from './data-source.ts'
import { identifier, literal } from './identifiers.ts'
import {
  grantToSelf,
  inTransaction,
  options,
  run,
  unlessGone,
  type FoundRole,
} from './session-users.ts'

/**
 * Makes the admin login a member of a session user for as long as that user is still there: only so
 * may a login that is no superuser roll back its transactions and hand over its objects.
 */
export async function joinSessionUser(target: Target, role: FoundRole): Promise<void> {
  await run(target, grantToSelf(target, role.name))
}

/** Databases that hold something of a user: objects, rights, prepared transactions. */
export async function listDatabasesWithLeftovers(
  { client }: Target,
  role: FoundRole,
): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select d.datname as name
       from pg_database d
      where d.oid in (select dbid
                        from pg_shdepend
                       where refclassid = 'pg_authid'::regclass
                         and refobjid = $1)
         or d.datname in (select database
                            from pg_prepared_xacts
                           where owner = $2)
      union
     select current_database()
      where exists (select
                      from pg_shdepend
                     where refclassid = 'pg_authid'::regclass
                       and refobjid = $1
                       and dbid = 0
                       and classid <> 'pg_auth_members'::regclass)`,
    [role.oid, role.name],
  )
  return rows.map(({ name }) => name)
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
  for (const { gid } of rows) await unlessGone(run(target, `rollback prepared ${literal(gid)}`))
  await run(target, 'reset role')
}

/**
 * Hands the user's objects in this database to the owner of leftovers, then takes its rights. In
 * this order, because `drop owned` alone would destroy a table that somebody still needs. For the
 * length of the transaction the owner has the user's rights, so that it may take what lies in
 * schemas where only the user may create; nobody else ever sees that.
 */
export async function clearDatabase(target: Target, role: FoundRole): Promise<void> {
  const user = identifier(role.name)
  const owner = identifier(target.dataSource.residueOwner)
  await inTransaction(target, async () => {
    await run(target, `grant ${user} to ${owner}${options(target, 'inherit true, set false')}`)
    await run(target, `reassign owned by ${user} to ${owner}`)
    await run(target, `revoke ${user} from ${owner}`)
    await run(target, `drop owned by ${user}`)
  })
}

/** Drops the user itself. */
export async function dropSessionUser(target: Target, role: FoundRole): Promise<void> {
  await unlessGone(run(target, `drop role ${identifier(role.name)}`))
}
