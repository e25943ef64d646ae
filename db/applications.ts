import type { DateTime } from 'luxon'
import { appendRecord, type Action } from './audit-log.ts'
import { createPerson, getPerson } from './people.ts'
import { PERSON, type ManagementPrivilege, type Person } from './person.ts'
import { detailsOf, differencesBetween } from './policy-facts.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'
import { actingId, takeInHand } from './tokens.ts'

/**
 * A program that works with Daypass through tokens: a service among the people, whose id records name
 * as their actor, and who answers for it.
 */
export interface Application extends Person {
  readonly purpose: string
  readonly owner: { readonly id: string; readonly username: string }
  /** Null where an operator made it. */
  readonly createdBy: string | null
  /** Tokens that work at this moment. */
  readonly liveTokens: number
  /** When the first of them expires; null where none does. */
  readonly nextExpiry: DateTime<true> | null
  readonly lastUsedAt: DateTime<true> | null
}

const APPLICATION = `
     select ${PERSON}, a.purpose, json_build_object('id', o.id, 'username', o.username) as owner,
            c.username as "createdBy", t.live as "liveTokens", t.next_expiry as "nextExpiry",
            t.last_used_at as "lastUsedAt"
       from applications a
       join people p on p.id = a.person_id
       join people o on o.id = a.owner_id
       left join people c on c.id = a.created_by
      cross join lateral (
             select cast(count(*) filter (where t.ended_at is null
                                            and coalesce(t.expires_at > now(), true)) as integer) as live,
                    min(t.expires_at) filter (where t.ended_at is null and t.expires_at > now()) as next_expiry,
                    max(t.last_used_at) as last_used_at
               from tokens t
              where t.person_id = a.person_id) t
      where a.organization_id = coalesce(cast(:organization as uuid), a.organization_id)`

/** Applications that the scope may see, by name; those that were deleted come last, for history. */
export function listApplications(db: Db, scope: Scope): Promise<Application[]> {
  return rows(db, `${APPLICATION} order by p.deleted_at nulls first, p.display_name, p.id`, {
    organization: organizationIdOf(scope),
  })
}

/** One application by id, within the scope; one that was deleted too. */
export function findApplication(
  db: Db,
  scope: Scope,
  id: string,
): Promise<Application | undefined> {
  return findRow(db, `${APPLICATION} and a.person_id = :id`, {
    id,
    organization: organizationIdOf(scope),
  })
}

/** What an application is made of. */
export interface NewApplication {
  readonly username: string
  readonly displayName: string
  readonly purpose: string
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
  readonly owner: Pick<Person, 'id' | 'username'>
}

/** Makes an application, with its records. Errors: constraint `usernames_are_unique`. */
export async function createApplication(
  tx: Transaction,
  origin: Origin,
  { owner, purpose, ...asked }: NewApplication,
): Promise<Application> {
  const { id } = await createPerson(tx, origin, {
    ...asked,
    kind: 'service',
    passwordHash: null,
    portalUser: false,
    mayEndSignIns: false,
  })
  await rows(
    tx,
    `insert into applications (person_id, organization_id, purpose, owner_id, created_by)
     values (:id, :organization, :purpose, :ownerId, :by)`,
    { id, organization: origin.organization.id, purpose, ownerId: owner.id, by: actingId(origin) },
  )
  await takeInHand(tx, origin, id, owner.id)
  await takeInHand(tx, origin, id)
  const made = await getApplication(tx, id)
  await recordApplication(tx, origin, made, {
    action: 'application.created',
    details: factsOf(made),
  })
  return made
}

/** What of an application alone can change; name and rights are its account's (people). */
export interface ApplicationTerms {
  readonly purpose: string
  readonly owner: Pick<Person, 'id' | 'username'>
}

/** Changes an application, with a record of all that is different from `before`. */
export async function changeApplication(
  tx: Transaction,
  origin: Origin,
  { before, terms }: { readonly before: Application; readonly terms: ApplicationTerms },
): Promise<Application> {
  const { id } = before
  await rows(
    tx,
    `update applications
        set purpose = :purpose, owner_id = :ownerId
      where person_id = :id
        and organization_id = :organization`,
    {
      id,
      purpose: terms.purpose,
      ownerId: terms.owner.id,
      organization: origin.organization.id,
    },
  )
  await takeInHand(tx, origin, id, terms.owner.id)
  const after = await getApplication(tx, id)
  const differences = differencesBetween(factsOf(before), factsOf(after))
  if (differences.length === 0) return after
  const details = detailsOf(differences)
  await recordApplication(tx, origin, after, { action: 'application.changed', details })
  return after
}

/** Writes that an application has ended; its account and tokens have records of their own. */
export function recordApplicationEnd(
  tx: Transaction,
  origin: Origin,
  {
    application,
    reason,
  }: { readonly application: Application; readonly reason?: string | undefined },
): Promise<void> {
  return recordApplication(tx, origin, application, { action: 'application.deleted', reason })
}

/**
 * Notes that an application is used from an address; a record at most once an hour for each, so that
 * a program that asks all day does not fill the trail. `from` is what the address is kept as.
 */
export async function noteApplicationUse(
  tx: Transaction,
  origin: Origin,
  { id, username, from }: { readonly id: string; readonly username: string; readonly from: string },
): Promise<void> {
  const [noted] = await rows(
    tx,
    `insert into application_uses (application_id, client_ip)
     values (:id, :from)
         on conflict (application_id, client_ip) do update
        set noted_at = now()
      where application_uses.noted_at <= now() - interval '1 hour'
  returning application_id`,
    { id, from },
  )
  // another request was first
  if (noted === undefined) return
  await rows(
    tx,
    `delete from application_uses
      where application_id = :id
        and noted_at < now() - interval '1 day'`,
    { id },
  )
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'application.used',
    area: 'applications',
    subject: { type: 'application', id, name: username },
    outcome: 'ok',
  })
}

/** One application as it stands in this transaction. */
export function getApplication(tx: Transaction, id: string): Promise<Application> {
  return getRow(tx, `${APPLICATION} and a.person_id = :id`, { id, organization: null })
}

/** The person who is to answer for an application, as long as they may act. */
export async function findOwner(
  tx: Transaction,
  organizationId: string,
  username: string,
): Promise<Person | undefined> {
  const found = await findRow<{ readonly id: string }>(
    tx,
    `select id
       from people
      where lower(username) = lower(:username)
        and organization_id = :organizationId
        and kind = 'person'
        and deleted_at is null`,
    { username, organizationId },
  )
  return found && getPerson(tx, found.id)
}

function factsOf(application: Application): Record<string, string> {
  return {
    name: application.displayName,
    purpose: application.purpose,
    owner: application.owner.username,
    audit_user: String(application.auditUser),
    management_privilege: application.managementPrivilege,
  }
}

async function recordApplication(
  tx: Transaction,
  origin: Origin,
  { id, username }: Application,
  {
    action,
    ...told
  }: {
    readonly action: Extract<Action, `application.${string}`>
    readonly details?: Record<string, string>
    readonly reason?: string | undefined
  },
): Promise<void> {
  const { details, reason } = told
  await appendRecord(tx, origin, await storeTime(tx), {
    action,
    area: 'applications',
    subject: { type: 'application', id, name: username },
    outcome: 'ok',
    ...(details === undefined ? {} : { details }),
    ...(reason === undefined ? {} : { reason }),
  })
}
