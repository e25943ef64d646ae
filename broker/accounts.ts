import type { DateTime } from 'luxon'
import { lockAdmins } from '../db/last-admin.ts'
import { getPerson, type Person } from '../db/people.ts'
import { deletePerson, disablePerson } from '../db/person-changes.ts'
import { changeEmail, changeExpiry, changeName, changeUsername } from '../db/person-edits.ts'
import { changeFlags, type AskedFlags } from '../db/person-flags.ts'
import { lockPolicy } from '../db/policy-versions.ts'
import type { Origin, Scope } from '../db/scope.ts'
import type { Transaction } from '../db/store.ts'
import { setMemberships } from './policy/memberships.ts'
import { cancelWaiting } from './sessions/cancel-waiting.ts'

/** What of an account is to change; absent members stay as they are. */
export interface AccountChange extends AskedFlags {
  readonly username?: string | undefined
  readonly displayName?: string | undefined
  /** Null: none. */
  readonly email?: string | null | undefined
  /** Null: never. */
  readonly expiresAt?: DateTime<true> | null | undefined
}

/** What is to change, and who says, behind the locks, whether it may. */
export interface AskedChange {
  readonly person: Person
  readonly change: AccountChange
  /** Throws where it may not; the person is as they stand now. */
  readonly allow?: (tx: Transaction, now: Person) => Promise<void>
}

/**
 * Changes an account, each thing with a record of its own; answers how it stands, undefined where it
 * was deleted. Errors: `invalid_request`, `last_admin`, constraint `usernames_are_unique`.
 */
export async function changeAccount(
  tx: Transaction,
  origin: Origin,
  { person, change, allow }: AskedChange,
): Promise<Person | undefined> {
  const organizationId = origin.organization.id
  const { username, displayName, email, expiresAt } = change
  // locks in one order everywhere: the policy, the admins, then one person
  if (username !== undefined) await lockPolicy(tx, organizationId)
  await lockAdmins(tx, { organizationId, personId: person.id })
  const now = await getPerson(tx, person.id)
  if (now.deletedAt !== null) return undefined
  await allow?.(tx, now)
  if (username !== undefined) await changeUsername(tx, origin, { person: now, username })
  if (displayName !== undefined) await changeName(tx, origin, { person: now, displayName })
  if (email !== undefined) await changeEmail(tx, origin, { person: now, email })
  if (expiresAt !== undefined) await changeExpiry(tx, origin, { person: now, expiresAt })
  await changeFlags(tx, origin, { person: now, flags: change })
  return getPerson(tx, person.id)
}

/** Who ends an account. */
export interface AccountEnder {
  readonly scope: Scope
  readonly origin: Origin
}

/** Whose account ends, and why. */
export interface AccountEnd {
  readonly person: Person
  readonly reason?: string | undefined
}

/**
 * Ends an account until it is enabled: its sign-ins, its tokens for good, and what it asked for that
 * waits; what is granted ends with the next tick. False where nothing changed. Errors: `last_admin`.
 */
export async function disableAccount(
  tx: Transaction,
  { origin }: AccountEnder,
  { person, reason }: AccountEnd,
): Promise<boolean> {
  const { id, username } = person
  const isDisabled = await disablePerson(tx, origin, id, reason)
  if (isDisabled) {
    await cancelWaiting(tx, origin, { requesterId: id, reason: `${username} was disabled.` })
  }
  return isDisabled
}

/**
 * Ends an account for good: as disabling it, and it leaves its groups. False where nothing changed.
 * Errors: `last_admin`.
 */
export async function deleteAccount(
  tx: Transaction,
  { scope, origin }: AccountEnder,
  { person, reason }: AccountEnd,
): Promise<boolean> {
  const { id, username } = person
  const organizationId = origin.organization.id
  // locks in one order everywhere: the policy, the admins, then one person
  await lockPolicy(tx, organizationId)
  await lockAdmins(tx, { organizationId, personId: id })
  await setMemberships(tx, { scope, origin }, { personId: id, groupIds: [] })
  const isDeleted = await deletePerson(tx, origin, id, reason)
  if (isDeleted) {
    await cancelWaiting(tx, origin, { requesterId: id, reason: `${username} was deleted.` })
  }
  return isDeleted
}
