import { listSharingHands } from '../../db/hands.ts'
import type { SessionRole } from '../../db/sessions.ts'
import type { Transaction } from '../../db/store.ts'
import { Refused } from '../errors.ts'

/** What somebody is about to decide. */
export interface Decision {
  readonly person: { readonly id: string }
  readonly requesterId: string
  readonly roles: readonly SessionRole[]
}

/**
 * One person counts once, whether they act themselves or through an application that is in their
 * hands: neither decides the other's request, and both have one vote on a role. Errors:
 * `own_request`, `already_decided`.
 */
export async function refuseSecondHand(
  tx: Transaction,
  { person, requesterId, roles }: Decision,
): Promise<void> {
  const voters = roles.flatMap(({ approvals }) => approvals)
  const ids = voters.map(({ personId }) => personId)
  const shared = await listSharingHands(tx, person.id, [requesterId, ...ids])
  if (shared.has(requesterId)) {
    throw new Refused(
      'own_request',
      'An application and who answers for it, made it or made a token of it never decide each other’s requests: another approver must.',
    )
  }
  const vote = voters.find(({ personId }) => shared.has(personId))
  if (vote === undefined) return
  throw new Refused(
    'already_decided',
    `${vote.by} has voted, and one person may stand behind both: another approver must.`,
  )
}
