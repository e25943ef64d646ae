import type { DateTime } from 'luxon'
import { appendRecord } from './audit-log.ts'
import { refusePast } from './expiration.ts'
import {
  IS_OUT,
  PERSON,
  type ManagementPrivilege,
  type Organization,
  type Person,
} from './person.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, iso, rows, storeTime, type Db, type Transaction } from './store.ts'

export type { ManagementPrivilege, Organization, Person } from './person.ts'

/** What it takes to make a person; the password arrives hashed (argon2id). */
export interface NewPerson {
  /** Absent: a person. A service never signs in and has no password. */
  readonly kind?: Person['kind'] | undefined
  readonly username: string
  readonly displayName: string
  readonly email?: string
  readonly passwordHash: string | null
  readonly portalUser: boolean
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
  /** Absent: as admins may. */
  readonly mayEndSignIns?: boolean | undefined
  /** Null or absent: never. */
  readonly expiresAt?: DateTime<true> | null | undefined
  readonly mustChangePassword?: boolean | undefined
  readonly externalId?: string | null | undefined
}

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

/** People the scope may see, by username; who was deleted is nobody any more. */
export function listPeople(db: Db, scope: Scope): Promise<Person[]> {
  return rows(
    db,
    `select ${PERSON}
       from people p
      where p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)
        and p.deleted_at is null
      order by p.username`,
    { organization: organizationIdOf(scope) },
  )
}

/** One person by id, within the scope; who was deleted is not found. */
export async function findPerson(db: Db, scope: Scope, id: string): Promise<Person | undefined> {
  const person = await findAnyPerson(db, scope, id)
  return person?.deletedAt === null ? person : undefined
}

/** As findPerson, and who was deleted, too: for those who look at what was. */
export function findAnyPerson(db: Db, scope: Scope, id: string): Promise<Person | undefined> {
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
        and p.deleted_at is null
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
    `select p.id, p.password_hash as "passwordHash"
       from people p
      where lower(p.username) = lower(:username)
        and p.password_hash is not null
        and not ${IS_OUT}
        and p.portal_user`,
    { username },
  )
}

/** Adds a person to the origin's organization, with its record. Errors: constraint `usernames_are_unique`. */
export async function createPerson(
  tx: Transaction,
  origin: Origin,
  person: NewPerson,
): Promise<Person> {
  await refusePast(tx, person.expiresAt)
  const { id } = await getRow<{ id: string }>(
    tx,
    `insert into people
            (organization_id, kind, username, display_name, email, password_hash, password_changed_at, portal_user,
             audit_user, management_privilege, may_end_sign_ins, expires_at, must_change_password, external_id)
     values (:organization, :kind, :username, :displayName, :email, cast(:passwordHash as text),
             case when cast(:passwordHash as text) is not null then now() end, :portalUser, :auditUser,
             :managementPrivilege, :mayEndSignIns, :expiresAt, :mustChangePassword, :externalId)
  returning id`,
    {
      ...person,
      kind: person.kind ?? 'person',
      email: person.email ?? null,
      mayEndSignIns: person.mayEndSignIns ?? person.managementPrivilege === 'admin',
      expiresAt: person.expiresAt ? iso(person.expiresAt) : null,
      mustChangePassword: person.mustChangePassword ?? false,
      externalId: person.externalId ?? null,
      organization: origin.organization.id,
    },
  )
  const made = await getPerson(tx, id)
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'user.created',
    area: 'users',
    subject: { type: 'user', id: made.id, name: made.username },
    outcome: 'ok',
    details: factsOf(made),
  })
  return made
}

/** One person as they stand in this transaction. */
export function getPerson(db: Db, id: string): Promise<Person> {
  return getRow(db, `select ${PERSON} from people p where p.id = :id`, { id })
}

/** A person as records tell of them. */
function factsOf(person: Person): Record<string, string> {
  return {
    display_name: person.displayName,
    email: person.email ?? '',
    expires_at: person.expiresAt === null ? '' : iso(person.expiresAt),
    portal_user: String(person.portalUser),
    audit_user: String(person.auditUser),
    management_privilege: person.managementPrivilege,
    end_sign_ins: String(person.mayEndSignIns),
  }
}
