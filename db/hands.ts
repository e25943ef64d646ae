import { rows, type Transaction } from './store.ts'

/**
 * Those of these people and applications behind whom the same person may stand: somebody is in their
 * own hands, an application in those of who answered for it or made it or a token of it.
 */
export async function listSharingHands(
  tx: Transaction,
  personId: string,
  others: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = await rows<{ readonly id: string }>(
    tx,
    `select other as id
       from unnest(cast(:others as uuid[])) other
      where same_hands(cast(:personId as uuid), other)`,
    { personId, others },
  )
  return new Set(found.map(({ id }) => id))
}
