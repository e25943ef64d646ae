import type { DateTime } from 'luxon'
import { appendRecord, type Action } from './audit-log.ts'
import type { ManagementPrivilege, Person } from './person.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** Keeps a person out from this moment on, with its record; false where nothing changed. */
export function lockPerson(tx: Transaction, origin: Origin, id: string): Promise<boolean> {
  return recorded(tx, origin, {
    action: 'user.locked',
    changed: findRow(
      tx,
      `update people
          set disabled_at = now()
        where id = :id
          and organization_id = :organization
          and disabled_at is null
    returning id, username`,
      { id, organization: origin.organization.id },
    ),
  })
}

/** Lets a locked person in again, with its record; false where nothing changed. */
export function unlockPerson(tx: Transaction, origin: Origin, id: string): Promise<boolean> {
  return recorded(tx, origin, {
    action: 'user.unlocked',
    changed: findRow(
      tx,
      `update people
          set disabled_at = null
        where id = :id
          and organization_id = :organization
          and disabled_at is not null
    returning id, username`,
      { id, organization: origin.organization.id },
    ),
  })
}

/** What a person may do beside asking for access. */
export interface Flags {
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
}

/** Changes what a person may do, with its record; false where nothing changed. */
export function changeFlags(
  tx: Transaction,
  origin: Origin,
  { person, flags }: { person: Person; flags: Flags },
): Promise<boolean> {
  return recorded(tx, origin, {
    action: 'user.role_changed',
    details: {
      audit_user: `${person.auditUser} -> ${flags.auditUser}`,
      management_privilege: `${person.managementPrivilege} -> ${flags.managementPrivilege}`,
    },
    changed: findRow(
      tx,
      `update people
          set audit_user = :auditUser, management_privilege = :managementPrivilege
        where id = :id
          and organization_id = :organization
          and (audit_user, management_privilege) is distinct from (:auditUser, :managementPrivilege)
    returning id, username`,
      { ...flags, id: person.id, organization: origin.organization.id },
    ),
  })
}

/** Remembers that a person has just signed in. */
export async function noteSignIn(db: Db, id: string): Promise<void> {
  await rows(
    db,
    `update people
        set last_sign_in_at = now()
      where id = :id`,
    { id },
  )
}

/** When people of the scope last signed in, by person id; absent means never. */
export async function listLastSignIns(
  db: Db,
  scope: Scope,
): Promise<ReadonlyMap<string, DateTime<true>>> {
  const found = await rows<{ id: string; at: DateTime<true> }>(
    db,
    `select p.id, p.last_sign_in_at as at
       from people p
      where p.last_sign_in_at is not null
        and p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)`,
    { organization: organizationIdOf(scope) },
  )
  return new Map(found.map(({ id, at }) => [id, at]))
}

interface PersonChange {
  readonly action: Action
  readonly changed: Promise<{ readonly id: string; readonly username: string } | undefined>
  readonly details?: Readonly<Record<string, string>>
}

async function recorded(
  tx: Transaction,
  origin: Origin,
  { action, changed, details }: PersonChange,
): Promise<boolean> {
  const person = await changed
  if (person === undefined) return false
  await appendRecord(tx, origin, await storeTime(tx), {
    action,
    area: 'users',
    subject: { type: 'user', id: person.id, name: person.username },
    outcome: 'ok',
    ...(details === undefined ? {} : { details }),
  })
  return true
}
