import { AppError } from '../lib/errors.ts'
import { endTokensOf } from './token-ends.ts'
import { keepingAnAdmin } from './last-admin.ts'
import { eraseFactors } from './mfa-factors.ts'
import { endPasswordLinksOf } from './password-links.ts'
import { getPerson } from './people.ts'
import type { Person, WayOut } from './person.ts'
import { recordPerson, type PersonRecord } from './person-record.ts'
import type { Origin } from './scope.ts'
import { endSignInsOf, recordLock } from './sign-ins.ts'
import { findRow, rows, type Transaction } from './store.ts'

type Changing = (tx: Transaction, origin: Origin, id: string, reason?: string) => Promise<boolean>

/**
 * Keeps a person out for now, with its record: sign-ins end, tokens stop until they are unlocked.
 * False where nothing changed, because they are out already. Errors: `last_admin`.
 */
export const lockPerson: Changing = (tx, origin, id, reason) =>
  putOut(tx, origin, { id, reason, as: 'locked', action: 'user.locked', from: [null] })

/** Lets a locked person in again, with its record; false where nothing changed. */
export const unlockPerson: Changing = (tx, origin, id, reason) =>
  letIn(tx, origin, { id, reason, action: 'user.unlocked', from: ['locked'] })

/**
 * Ends an account for now, with its record: sign-ins end, and tokens for good. False where nothing
 * changed, because it is disabled or deleted already. Errors: `last_admin`.
 */
export const disablePerson: Changing = (tx, origin, id, reason) =>
  putOut(tx, origin, {
    id,
    reason,
    as: 'disabled',
    action: 'user.disabled',
    from: [null, 'locked', 'expired'],
  })

/** Gives a disabled or expired person their account back, with its record. Errors: `account_expired`. */
export const enablePerson: Changing = (tx, origin, id, reason) =>
  letIn(tx, origin, { id, reason, action: 'user.enabled', from: ['disabled', 'expired'] })

/**
 * Ends an account for good, with its record. The row stays, so that history keeps the name; what
 * would let anybody in or reach them is erased, and the username is free again. False where nothing
 * changed. Errors: `last_admin`.
 */
export const deletePerson: Changing = async (tx, origin, id, reason) => {
  const isDeleted = await putOut(tx, origin, {
    id,
    reason,
    as: 'deleted',
    action: 'user.deleted',
    from: [null, 'locked', 'disabled', 'expired'],
  })
  if (isDeleted) await erase(tx, id)
  return isDeleted
}

interface Change {
  readonly id: string
  readonly action: PersonRecord['action']
  /** As what a person may be out before; null: not at all. */
  readonly from: readonly Person['outAs'][]
  readonly reason?: string | undefined
}

async function putOut(
  tx: Transaction,
  origin: Origin,
  { as, id, action, from, reason }: Change & { readonly as: Exclude<WayOut, 'expired'> },
): Promise<boolean> {
  const changed = { organizationId: origin.organization.id, personId: id }
  return keepingAnAdmin(tx, changed, async () => {
    const before = await findChanging(tx, origin, { id, from })
    if (before === undefined) return false
    await rows(
      tx,
      `update people
          set disabled_at = coalesce(disabled_at, now()), out_as = :as,
              locked_beneath = (cast(:as as text) = 'disabled' and coalesce(out_as = 'locked', false)),
              deleted_at = case when cast(:as as text) = 'deleted' then now() end
        where id = :id`,
      { id, as },
    )
    await recordPerson(tx, origin, { action, person: before, reason, ...statuses(before, as) })
    if (as === 'locked')
      await recordLock(tx, origin, { action: 'auth.locked', person: before, reason })
    await endSignInsOf(tx, origin, id, { as, reason })
    // whoever reads their letters must not come in by one after an unlock
    await endPasswordLinksOf(tx, id)
    if (as !== 'locked') await endTokensOf(tx, origin, { personId: id, reason })
    return true
  })
}

async function letIn(
  tx: Transaction,
  origin: Origin,
  { id, action, from, reason }: Change,
): Promise<boolean> {
  const person = await findChanging(tx, origin, { id, from })
  if (person === undefined) return false
  await rows(
    tx,
    `update people
        set disabled_at = case when locked_beneath then disabled_at end,
            out_as = case when locked_beneath then 'locked' end, locked_beneath = false
      where id = :id`,
    { id },
  )
  const after = await getPerson(tx, id)
  if (action === 'user.enabled' && after.outAs === 'expired') {
    throw new AppError(
      'account_expired',
      `The expiration date of ${person.username} has passed: change it, and they are let in again.`,
    )
  }
  await recordPerson(tx, origin, { action, person, reason, ...statuses(person, after.outAs) })
  if (action === 'user.unlocked')
    await recordLock(tx, origin, { action: 'auth.unlocked', person, reason })
  return true
}

/** A person under their row lock; undefined where they are out in another way, or somebody else's. */
async function findChanging(
  tx: Transaction,
  { organization }: Origin,
  { id, from }: Pick<Change, 'id' | 'from'>,
): Promise<Person | undefined> {
  const there = await findRow<{ readonly id: string }>(
    tx,
    `select id
       from people
      where id = :id
        and organization_id = :organization
        for no key update`,
    { id, organization: organization.id },
  )
  if (there === undefined) return undefined
  const person = await getPerson(tx, id)
  return from.includes(person.outAs) ? person : undefined
}

function statuses(before: Person, after: Person['outAs']) {
  return { before: { status: before.outAs ?? 'active' }, after: { status: after ?? 'active' } }
}

async function erase(tx: Transaction, id: string): Promise<void> {
  await rows(tx, `delete from password_links where person_id = :id`, { id })
  await eraseFactors(tx, id)
  await rows(
    tx,
    `update people
        set email = null, password_hash = null, external_id = null, must_change_password = false
      where id = :id`,
    { id },
  )
}
