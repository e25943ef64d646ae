import { recordFactor, type Owner } from './mfa-factors.ts'
import type { Origin } from './scope.ts'
import { findRow, rows, type Db, type Transaction } from './store.ts'

/** Keeps new recovery codes by their hashes in place of the old ones, with its record. */
export async function keepCodes(
  tx: Transaction,
  origin: Origin,
  { owner, hashes }: { readonly owner: Owner; readonly hashes: readonly Buffer[] },
): Promise<void> {
  // two who make them at once take turns: what one of them is shown is what counts
  await rows(tx, `select from people where id = :id for no key update`, { id: owner.id })
  const replaced = await rows<{ usedAt: unknown }>(
    tx,
    `delete from mfa_recovery_codes
      where person_id = :personId
  returning used_at as "usedAt"`,
    { personId: owner.id },
  )
  for (const hash of hashes) {
    await rows(
      tx,
      `insert into mfa_recovery_codes (hash, organization_id, person_id)
       values (:hash, :organizationId, :personId)`,
      { hash, organizationId: owner.organizationId, personId: owner.id },
    )
  }
  const details = {
    recovery_codes_before: String(replaced.filter(({ usedAt }) => usedAt === null).length),
    recovery_codes_after: String(hashes.length),
  }
  await recordFactor(tx, origin, { action: 'mfa.recovery_codes_made', owner, details })
}

/** Uses a recovery code up: true for the first who brings it, in any portal. */
export async function useCode(db: Db, personId: string, hash: Buffer): Promise<boolean> {
  const used = await findRow(
    db,
    `update mfa_recovery_codes
        set used_at = now()
      where hash = :hash
        and person_id = :personId
        and used_at is null
  returning hash`,
    { hash, personId },
  )
  return used !== undefined
}
