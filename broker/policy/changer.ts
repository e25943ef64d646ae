import { findCurrentVersion, lockPolicy } from '../../db/policy-versions.ts'
import type { Origin, PersonScope } from '../../db/scope.ts'
import type { Store, Transaction } from '../../db/store.ts'
import { Refused } from '../errors.ts'

/** Who changes the policy, and the version that they were looking at. */
export interface PolicyChanger {
  readonly scope: PersonScope
  readonly origin: Origin
  /** Absent: whatever is in force. */
  readonly version?: number | undefined
}

/**
 * Runs one change of the policy while nobody else can make one. Errors: `not_entitled`,
 * `state_changed` where the policy is no longer what the changer was looking at.
 */
export async function changePolicy<T>(
  store: Store,
  { scope, version }: PolicyChanger,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  if (scope.person.managementPrivilege !== 'admin') {
    throw new Refused('not_entitled', 'Only admins change the policy.')
  }
  return store.change(async (tx) => {
    const current = await lockPolicy(tx, scope.organization.id)
    if (version !== undefined && version !== current) await refuseStale(tx, scope, version)
    return work(tx)
  })
}

async function refuseStale(tx: Transaction, scope: PersonScope, seen: number): Promise<never> {
  const current = await findCurrentVersion(tx, scope.organization.id)
  const who = current?.changedBy ?? 'someone'
  throw new Refused(
    'state_changed',
    `${who} changed the policy meanwhile (version ${current?.version ?? 0}: ${current?.summary ?? 'unknown'}). You were looking at version ${seen}: look again, nothing was changed.`,
  )
}
