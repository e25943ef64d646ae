import { randomUUID } from 'node:crypto'
import { dropIdleCodes, recordFactor, type Owner } from './mfa-factors.ts'
import type { Origin } from './scope.ts'
import { findRow, rows, type Db, type Transaction } from './store.ts'

/** How long a secret that no code has confirmed may be looked at. */
const TRIED_WITHIN = '15 minutes'

/** A sealed secret of an authenticator app. */
export interface KeptTotp {
  readonly id: string
  readonly sealed: Buffer
}

/** What a sealed secret belongs to; it opens nowhere else. */
export function aboutTotp(id: string): string {
  return `mfa_totp.sealed:${id}`
}

/** Keeps the secret of an app that is about to be tried, in place of one tried before. */
export async function keepTried(
  tx: Transaction,
  { id: personId, organizationId }: Owner,
  sealFor: (about: string) => Buffer,
): Promise<void> {
  const id = randomUUID()
  // who begins twice at once takes turns: the secret of the second is the one that is shown
  await rows(tx, `select from people where id = :personId for no key update`, { personId })
  await rows(tx, `delete from mfa_totp where person_id = :personId and confirmed_at is null`, {
    personId,
  })
  await rows(
    tx,
    `insert into mfa_totp (id, organization_id, person_id, sealed)
     values (:id, :organizationId, :personId, :sealed)`,
    { id, organizationId, personId, sealed: sealFor(aboutTotp(id)) },
  )
}

/** The secret that waits for its first code, while it may be looked at. */
export function findTried(db: Db, personId: string): Promise<KeptTotp | undefined> {
  return findRow(
    db,
    `select id, sealed
       from mfa_totp
      where person_id = :personId
        and confirmed_at is null
        and created_at > now() - interval '${TRIED_WITHIN}'`,
    { personId },
  )
}

/** The secret that counts. */
export function findConfirmed(db: Db, personId: string): Promise<KeptTotp | undefined> {
  return findRow(
    db,
    `select id, sealed
       from mfa_totp
      where person_id = :personId
        and confirmed_at is not null`,
    { personId },
  )
}

/** Lets a tried app count, by the step of its first code, with its record; false where it went meanwhile. */
export async function confirmTried(
  tx: Transaction,
  origin: Origin,
  { owner, id, step }: { readonly owner: Owner; readonly id: string; readonly step: number },
): Promise<boolean> {
  // who confirms twice at once waits here: an app that counts already is not replaced by itself
  const tried = await findRow(
    tx,
    `select id
       from mfa_totp
      where id = :id
        and person_id = :personId
        and confirmed_at is null
        for update`,
    { id, personId: owner.id },
  )
  if (tried === undefined) return false
  const replaced = await rows(
    tx,
    `delete from mfa_totp
      where person_id = :personId
        and confirmed_at is not null
  returning id`,
    { personId: owner.id },
  )
  await rows(
    tx,
    `update mfa_totp
        set confirmed_at = now(), last_step = :step, last_used_at = now()
      where id = :id`,
    { id, step },
  )
  const details = { factor: 'totp', replaced: replaced.length > 0 ? 'yes' : 'no' }
  await recordFactor(tx, origin, { action: 'mfa.factor_added', owner, details })
  return true
}

/**
 * Uses a step up: true for the first who brings it, in any portal. Older ones are used up with it
 * (RFC 6238, 5.2).
 */
export async function useStep(db: Db, { id }: KeptTotp, step: number): Promise<boolean> {
  const used = await findRow(
    db,
    `update mfa_totp
        set last_step = :step, last_used_at = now()
      where id = :id
        and confirmed_at is not null
        and last_step < :step
  returning id`,
    { id, step },
  )
  return used !== undefined
}

/** Takes somebody's app away, with its record; false where there was none. */
export async function removeTotp(tx: Transaction, origin: Origin, owner: Owner): Promise<boolean> {
  const removed = await rows(
    tx,
    `delete from mfa_totp
      where person_id = :personId
        and confirmed_at is not null
  returning id`,
    { personId: owner.id },
  )
  if (removed.length === 0) return false
  await dropIdleCodes(tx, owner.id)
  const details = { factor: 'totp' }
  await recordFactor(tx, origin, { action: 'mfa.factor_removed', owner, details })
  return true
}
