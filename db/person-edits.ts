import type { DateTime } from 'luxon'
import { refusePast } from './expiration.ts'
import { keepingAnAdmin } from './last-admin.ts'
import { endPasswordLinksOf } from './password-links.ts'
import { getPerson } from './people.ts'
import type { Person } from './person.ts'
import { recordPerson, type PersonRecord } from './person-record.ts'
import { keepPolicyVersion, lockPolicy } from './policy-versions.ts'
import type { Origin } from './scope.ts'
import { findRow, iso, rows, type Transaction } from './store.ts'

/**
 * Changes the name a person signs in with, with its record; records keep the name of their time.
 * False where nothing changed. Errors: constraint `usernames_are_unique`.
 */
export async function changeUsername(
  tx: Transaction,
  origin: Origin,
  { person, username }: { readonly person: Person; readonly username: string },
): Promise<boolean> {
  // the policy lists approvers by name: who changes it comes before who changes people
  await lockPolicy(tx, origin.organization.id)
  const isChanged = await edit(tx, origin, person, {
    action: 'user.username_changed',
    set: 'username = :value',
    value: username,
    factOf: (one) => ({ username: one.username }),
  })
  const approves = isChanged && (await isMember(tx, person.id))
  if (approves) {
    await keepPolicyVersion(tx, origin, `user ${person.username} is now called ${username}`)
  }
  return isChanged
}

/** Changes the name a person is shown by, with its record; false where nothing changed. */
export function changeName(
  tx: Transaction,
  origin: Origin,
  { person, displayName }: { readonly person: Person; readonly displayName: string },
): Promise<boolean> {
  return edit(tx, origin, person, {
    action: 'user.name_changed',
    set: 'display_name = :value',
    value: displayName,
    factOf: (one) => ({ display_name: one.displayName }),
  })
}

/**
 * Changes what the directory that provisions people calls this one, with its record; null: nothing.
 * False where nothing changed. Errors: constraint `external_ids_are_unique`.
 */
export function changeExternalId(
  tx: Transaction,
  origin: Origin,
  { person, externalId }: { readonly person: Person; readonly externalId: string | null },
): Promise<boolean> {
  return edit(tx, origin, person, {
    action: 'user.name_changed',
    set: 'external_id = cast(:value as text)',
    value: externalId,
    factOf: (one) => ({ external_id: one.externalId ?? '' }),
  })
}

/** Changes where a person gets letters, with its record; null: nowhere. False where nothing changed. */
export async function changeEmail(
  tx: Transaction,
  origin: Origin,
  { person, email }: { readonly person: Person; readonly email: string | null },
): Promise<boolean> {
  const isChanged = await edit(tx, origin, person, {
    action: 'user.email_changed',
    set: 'email = cast(:value as text)',
    value: email,
    factOf: (one) => ({ email: one.email ?? '' }),
  })
  // who reads letters at the old address is to choose no password any more
  if (isChanged) await endPasswordLinksOf(tx, person.id)
  return isChanged
}

/**
 * Changes when an account ends by itself, with its record; null: never. Who had expired is let in
 * again by a later date, which is a record too. False where nothing changed. Errors: `last_admin`,
 * `invalid_request` for a date in the past.
 */
export async function changeExpiry(
  tx: Transaction,
  origin: Origin,
  { person, expiresAt }: { readonly person: Person; readonly expiresAt: DateTime<true> | null },
): Promise<boolean> {
  const before = person.expiresAt?.toMillis()
  if (before === expiresAt?.toMillis()) return false
  await refusePast(tx, expiresAt)
  const changed = { organizationId: origin.organization.id, personId: person.id }
  return keepingAnAdmin(tx, changed, async () => {
    const isChanged = await edit(tx, origin, person, {
      action: 'user.expiration_changed',
      set: 'expires_at = cast(:value as timestamptz)',
      value: expiresAt && iso(expiresAt),
      factOf: (one) => ({ expires_at: one.expiresAt === null ? '' : iso(one.expiresAt) }),
    })
    if (isChanged && person.outAs === 'expired') await letInAgain(tx, origin, person)
    return isChanged
  })
}

interface Edit {
  readonly action: PersonRecord['action']
  /** An assignment of `:value`. */
  readonly set: string
  readonly value: string | null
  readonly factOf: (person: Person) => Record<string, string>
}

async function edit(
  tx: Transaction,
  origin: Origin,
  { id }: Person,
  { action, set, value, factOf }: Edit,
): Promise<boolean> {
  const there = await findRow(
    tx,
    `select id
       from people
      where id = :id
        and organization_id = :organization
        and deleted_at is null
        for no key update`,
    { id, organization: origin.organization.id },
  )
  if (there === undefined) return false
  const before = await getPerson(tx, id)
  await rows(tx, `update people set ${set} where id = :id`, { id, value })
  const after = await getPerson(tx, id)
  const facts = { before: factOf(before), after: factOf(after) }
  if (JSON.stringify(facts.before) === JSON.stringify(facts.after)) return false
  await recordPerson(tx, origin, { action, person: after, ...facts })
  return true
}

/** The broker may have written the expiry, or not yet. */
async function letInAgain(tx: Transaction, origin: Origin, person: Person): Promise<void> {
  await rows(
    tx,
    `update people
        set disabled_at = null, out_as = null
      where id = :id
        and out_as = 'expired'`,
    { id: person.id },
  )
  await recordPerson(tx, origin, {
    action: 'user.enabled',
    person,
    before: { status: 'expired' },
    after: { status: 'active' },
    reason: 'The expiration date was changed.',
  })
}

async function isMember(tx: Transaction, id: string): Promise<boolean> {
  const member = await findRow(
    tx,
    `select person_id
       from group_members
      where person_id = :id
      limit 1`,
    { id },
  )
  return member !== undefined
}
