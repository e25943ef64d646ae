import { appendRecord } from './audit-log.ts'
import type { FactorKind } from './mfa-factors.ts'
import type { Origin } from './scope.ts'
import { findRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** How long a second factor is fresh in the sign-in that gave it. */
export const STEP_UP_MINUTES = 10

/** True where this sign-in gave a second factor minutes ago, by the store's clock. */
export async function isFresh(db: Db, signInId: string): Promise<boolean> {
  const fresh = await findRow(
    db,
    `select id
       from sign_ins
      where id = :signInId
        and ended_at is null
        and second_factor_at > now() - make_interval(mins => :minutes)`,
    { signInId, minutes: STEP_UP_MINUTES },
  )
  return fresh !== undefined
}

/** Remembers that a sign-in gave a second factor just now. */
export async function noteSecondFactor(db: Db, signInId: string): Promise<void> {
  await rows(
    db,
    `update sign_ins
        set second_factor_at = now()
      where id = :signInId
        and ended_at is null`,
    { signInId },
  )
}

/** The same, where it was asked for again, with its record. */
export async function stepUp(tx: Transaction, origin: Origin, factor: FactorKind): Promise<void> {
  if (origin.signInId !== undefined) await noteSecondFactor(tx, origin.signInId)
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'auth.stepped_up',
    area: 'sign-in',
    subject: { type: 'user', id: origin.actor.id, name: origin.actor.name },
    outcome: 'ok',
    details: { second_factor: factor },
  })
}

/** Writes that a second factor was wrong, or that too many were. */
export async function recordWrongFactor(
  tx: Transaction,
  origin: Origin,
  { factor, reason }: { readonly factor: FactorKind; readonly reason: string },
): Promise<void> {
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'auth.mfa_failed',
    area: 'sign-in',
    subject: { type: 'user', id: origin.actor.id, name: origin.actor.name },
    outcome: 'refused',
    reason,
    details: { second_factor: factor },
  })
}
