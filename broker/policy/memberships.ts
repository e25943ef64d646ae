import { changeGroup, listGroups, type Group } from '../../db/groups.ts'
import type { Origin, Scope } from '../../db/scope.ts'
import type { Store, Transaction } from '../../db/store.ts'
import { InvalidRequest } from '../errors.ts'
import { changePolicy, type PolicyChanger } from './changer.ts'

/** Somebody, and the ids of all the groups they are to belong to. */
export interface AskedMemberships {
  readonly personId: string
  readonly groupIds: readonly string[]
}

/**
 * Puts a person into these groups and takes them out of all others; each group that changes is a
 * record and a version of the policy. Errors: `invalid_request`, `not_entitled`, `state_changed`.
 */
export function changeMemberships(
  store: Store,
  by: PolicyChanger,
  asked: AskedMemberships,
): Promise<readonly Group[]> {
  return changePolicy(store, by, (tx) => setMemberships(tx, by, asked))
}

/**
 * The same within a transaction that has locked the policy. Returns the groups that changed. Errors:
 * `invalid_request`.
 */
export async function setMemberships(
  tx: Transaction,
  by: { readonly scope: Scope; readonly origin: Origin },
  { personId, groupIds }: AskedMemberships,
): Promise<readonly Group[]> {
  const groups = await listGroups(tx, by.scope)
  if (groupIds.some((id) => groups.every((group) => group.id !== id))) {
    throw new InvalidRequest({ groups: 'There is no such group any more: look again.' })
  }
  const changed: Group[] = []
  for (const group of groups) {
    const memberIds = group.members.map(({ id }) => id)
    const isWanted = groupIds.includes(group.id)
    if (memberIds.includes(personId) === isWanted) continue
    const kept = memberIds.filter((id) => id !== personId)
    const { name, description } = group
    const terms = { name, description, memberIds: isWanted ? [...kept, personId] : kept }
    changed.push(await changeGroup(tx, by.origin, { group, terms }))
  }
  return changed
}
