import { appendRecord } from './audit-log.ts'
import { keepLink, type MadeLink } from './password-links.ts'
import { createPerson } from './people.ts'
import type { Person } from './person.ts'
import type { Origin } from './scope.ts'
import { findRow, getRow, iso, rows, storeTime, type Db, type Transaction } from './store.ts'

/** True where somebody is an admin, be it a locked one: an operator can unlock them. */
async function hasAdmin(db: Db): Promise<boolean> {
  const { has } = await getRow<{ has: boolean }>(
    db,
    `select exists(select
                     from people
                    where kind = 'person'
                      and management_privilege = 'admin'
                      and deleted_at is null) as has`,
  )
  return has
}

/** True where there is an admin, or a link that makes one waits to be used. */
export async function isSetUp(db: Db): Promise<boolean> {
  const waiting = await findRow(
    db,
    `select id
       from password_links
      where purpose = 'setup'
        and used_at is null
        and expires_at > now()`,
  )
  return waiting !== undefined || hasAdmin(db)
}

/** Makes the link that makes the first admin, with its record, and ends the one before; undefined once there is an admin. */
export async function makeSetupLink(
  tx: Transaction,
  origin: Origin,
): Promise<MadeLink | undefined> {
  await oneAtATime(tx)
  if (await hasAdmin(tx)) return undefined
  await endSetupLinks(tx)
  const made = await keepLink(tx, origin, { personId: null, purpose: 'setup' })
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'user.password_link_made',
    area: 'users',
    subject: { type: 'setup link', id: made.id, name: 'first admin' },
    outcome: 'ok',
    details: { purpose: 'setup', handed: 'shown', expires_at: iso(made.expiresAt) },
  })
  return made
}

/** True while a setup link is worth something: unused, in its time, and nobody is an admin yet. */
export async function isSetupLinkOpen(db: Db, linkId: string): Promise<boolean> {
  const row = await findRow(db, `select l.id from password_links l where ${IS_OPEN}`, { linkId })
  return row !== undefined && !(await hasAdmin(db))
}

/** Who the first admin is to be; the password arrives hashed (argon2id). */
export interface FirstAdmin {
  readonly username: string
  readonly displayName: string
  readonly email: string | undefined
  readonly passwordHash: string
}

/**
 * Makes the first admin by a setup link, with the record; undefined where the link was worth nothing
 * by then. Two at once make one: the second finds that there is an admin.
 */
export async function makeFirstAdmin(
  tx: Transaction,
  origin: Origin,
  { linkId, admin }: { readonly linkId: string; readonly admin: FirstAdmin },
): Promise<Person | undefined> {
  await oneAtATime(tx)
  if (await hasAdmin(tx)) return undefined
  const used = await findRow(
    tx,
    `update password_links l set used_at = now() where ${IS_OPEN} returning l.id`,
    { linkId },
  )
  if (used === undefined) return undefined
  await endSetupLinks(tx)
  const { email, ...facts } = admin
  return createPerson(tx, origin, {
    ...facts,
    ...(email === undefined ? {} : { email }),
    portalUser: true,
    auditUser: true,
    managementPrivilege: 'admin',
  })
}

const IS_OPEN = `l.id = :linkId and l.purpose = 'setup' and l.used_at is null and l.expires_at > now()`

async function endSetupLinks(tx: Transaction): Promise<void> {
  await rows(tx, `delete from password_links where purpose = 'setup' and used_at is null`)
}

/** Held to the end of the transaction: what two would find at once, one finds after the other. */
async function oneAtATime(tx: Transaction): Promise<void> {
  await rows(tx, `select pg_advisory_xact_lock(hashtext('daypass first admin'))`)
}
