import type { DateTime } from 'luxon'
import { appendRecord } from './audit-log.ts'
import { endPasswordLinksOf } from './password-links.ts'
import { IS_OUT, type Person } from './person.ts'
import type { Origin } from './scope.ts'
import { endSignInsOf } from './sign-ins.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** How a password came to be: chosen by its person in one of three ways, or set for them. */
export type PasswordWay = 'own' | 'link' | 'at sign-in' | 'by an admin'

export interface NewPassword {
  readonly person: Pick<Person, 'id' | 'username'>
  /** The argon2id hash. */
  readonly passwordHash: string
  readonly way: PasswordWay
  /** True: it holds for one sign-in, at which its person chooses another. */
  readonly mustChange: boolean
  /** The one sign-in that goes on. */
  readonly exceptSignInId?: string | undefined
}

/** How a person's password stands; never what it is. */
export interface PasswordState {
  readonly isSet: boolean
  readonly changedAt: DateTime<true> | null
  readonly mustChange: boolean
}

/**
 * Sets a password, with its record, and ends what the old one opened: the person's other sign-ins and
 * the links that set one. Answers when; undefined where there is no such person in the organization.
 */
export async function setPassword(
  tx: Transaction,
  origin: Origin,
  { person, passwordHash, way, mustChange, exceptSignInId }: NewPassword,
): Promise<DateTime<true> | undefined> {
  const changed = await findRow<{ at: DateTime<true>; hadTo: boolean }>(
    tx,
    `with before as (
          select id, must_change_password
            from people
           where id = :id
             and organization_id = :organization
             and kind = 'person'
             and deleted_at is null
             for no key update
     )
     update people p
        set password_hash = :passwordHash, password_changed_at = now(), must_change_password = :mustChange
       from before b
      where p.id = b.id
  returning p.password_changed_at as at, b.must_change_password as "hadTo"`,
    { id: person.id, organization: origin.organization.id, passwordHash, mustChange },
  )
  if (changed === undefined) return undefined
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'user.password_changed',
    area: 'users',
    subject: { type: 'user', id: person.id, name: person.username },
    outcome: 'ok',
    details: { way, must_change: `${changed.hadTo} -> ${mustChange}` },
  })
  await endPasswordLinksOf(tx, person.id)
  await endSignInsOf(tx, origin, person.id, { as: 'password_changed', exceptId: exceptSignInId })
  return changed.at
}

/** How a person's password stands. */
export async function findPasswordState(
  db: Db,
  personId: string,
): Promise<PasswordState | undefined> {
  return findRow(
    db,
    `select password_hash is not null as "isSet", password_changed_at as "changedAt",
            must_change_password as "mustChange"
       from people
      where id = :personId`,
    { personId },
  )
}

/** The hash that somebody's current password is checked against. */
export async function findOwnPasswordHash(db: Db, personId: string): Promise<string | undefined> {
  const row = await findRow<{ hash: string | null }>(
    db,
    `select password_hash as hash
       from people
      where id = :personId`,
    { personId },
  )
  return row?.hash ?? undefined
}

/** A mailbox of a team; more would be a way to send many letters with one request. */
const PEOPLE_AT_AN_ADDRESS = 5
/** The rest would be letters that nobody wanted. */
const RESETS_AN_HOUR = 3

/**
 * People who may be sent a reset link by this username or e-mail address: who may sign in and has an
 * address.
 */
export function listWhoForgot(db: Db, name: string): Promise<{ readonly id: string }[]> {
  return rows(
    db,
    `select p.id
       from people p
      where (lower(p.username) = lower(:name) or lower(p.email) = lower(:name))
        and p.kind = 'person'
        and p.email is not null
        and p.portal_user
        and not ${IS_OUT}
      order by p.username
      limit :most`,
    { name, most: PEOPLE_AT_AN_ADDRESS },
  )
}

/** True while a person was not sent several links within the hour; two at once ask one after the other. */
export async function mayBeSentReset(tx: Transaction, personId: string): Promise<boolean> {
  await rows(tx, `select id from people where id = :personId for no key update`, { personId })
  const { count } = await getRow<{ count: number }>(
    tx,
    `select cast(count(*) as integer) as count
       from password_links
      where person_id = :personId
        and created_by is null
        and created_at > now() - interval '1 hour'`,
    { personId },
  )
  return count < RESETS_AN_HOUR
}
