import { appendRecord } from './audit-log.ts'
import type { ManagementPrivilege, Organization, Person } from './person.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'

import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

export type { ManagementPrivilege, Organization, Person } from './person.ts'

/** What it takes to make a person; the password arrives hashed (argon2id). */
export interface NewPerson {
  readonly username: string
  readonly displayName: string
  readonly email?: string
  readonly passwordHash: string | null
  readonly portalUser: boolean
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
}

const PERSON = `
       p.id, p.organization_id as "organizationId", p.kind, p.username, p.display_name as "displayName",
       p.email, p.portal_user as "portalUser", p.audit_user as "auditUser",
       p.management_privilege as "managementPrivilege", p.disabled_at as "disabledAt",
       p.created_at as "createdAt"`

/** The organization a person belongs to. */
export function getOrganization(db: Db, id: string): Promise<Organization> {
  return getRow(
    db,
    `select id, name, account_id as "accountId"
       from organizations
      where id = :id`,
    { id },
  )
}

/** Every organization, oldest first. */
export function listOrganizations(db: Db): Promise<Organization[]> {
  return rows(
    db,
    `select id, name, account_id as "accountId"
       from organizations
      order by created_at, id`,
  )
}

/** The one organization of a new store. */
export function getDefaultOrganization(db: Db): Promise<Organization> {
  return getRow(
    db,
    `select id, name, account_id as "accountId"
       from organizations
      order by created_at, id
      limit 1`,
  )
}

/** People the scope may see, by username. */
export function listPeople(db: Db, scope: Scope): Promise<Person[]> {
  return rows(
    db,
    `select ${PERSON}
       from people p
      where p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)
      order by p.username`,
    { organization: organizationIdOf(scope) },
  )
}

/** One person by id, within the scope. */
export function findPerson(db: Db, scope: Scope, id: string): Promise<Person | undefined> {
  return findRow(
    db,
    `select ${PERSON}
       from people p
      where p.id = :id
        and p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)`,
    { id, organization: organizationIdOf(scope) },
  )
}

/** One person by username; names are the same in any case. */
export function findPersonByUsername(
  db: Db,
  scope: Scope,
  username: string,
): Promise<Person | undefined> {
  return findRow(
    db,
    `select ${PERSON}
       from people p
      where lower(p.username) = lower(:username)
        and p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)`,
    { username, organization: organizationIdOf(scope) },
  )
}

/** The argon2id hash to check a password against; undefined when there is no such login. */
export async function findPasswordHash(
  db: Db,
  _scope: Scope & { kind: 'part' },
  username: string,
): Promise<{ readonly id: string; readonly passwordHash: string } | undefined> {
  return findRow(
    db,
    `select id, password_hash as "passwordHash"
       from people
      where lower(username) = lower(:username)
        and password_hash is not null
        and disabled_at is null
        and portal_user`,
    { username },
  )
}

/** Adds a person to the origin's organization, with its record. Errors: constraint `usernames_are_unique`. */
export async function createPerson(
  tx: Transaction,
  origin: Origin,
  person: NewPerson,
): Promise<Person> {
  const made = await getRow<Person>(
    tx,
    `insert into people as p
            (organization_id, username, display_name, email, password_hash, portal_user, audit_user,
             management_privilege)
     values (:organization, :username, :displayName, :email, :passwordHash, :portalUser, :auditUser,
             :managementPrivilege)
  returning ${PERSON}`,
    { ...person, email: person.email ?? null, organization: origin.organization.id },
  )
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'user.created',
    area: 'users',
    subject: { type: 'user', id: made.id, name: made.username },
    outcome: 'ok',
    details: {
      display_name: made.displayName,
      portal_user: String(made.portalUser),
      audit_user: String(made.auditUser),
      management_privilege: made.managementPrivilege,
    },
  })
  return made
}
