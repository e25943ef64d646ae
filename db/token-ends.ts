import { appendRecords } from './audit-log.ts'
import type { Origin } from './scope.ts'
import { rows, storeTime, type Transaction } from './store.ts'
import { actingId } from './tokens.ts'

interface Ended {
  readonly id: string
  readonly name: string
  readonly owner: string
}

/** Ends every API token of a person for good, and those of applications that they made and may know; answers how many. */
export async function endTokensOf(
  tx: Transaction,
  origin: Origin,
  { personId, reason }: { readonly personId: string; readonly reason?: string | undefined },
): Promise<number> {
  const ended = await rows<Ended>(
    tx,
    `update tokens t
        set ended_at = now(), ended_by = :by
       from people p
      where p.id = t.person_id
        and (t.person_id = :personId or (p.kind = 'service' and t.created_by = :personId))
        and t.organization_id = :organization
        and t.ended_at is null
  returning t.id, t.name, p.username as owner`,
    { personId, organization: origin.organization.id, by: actingId(origin) },
  )
  await recordEnds(tx, origin, { ended, reason })
  return ended.length
}

/** Ends one token for good, with its record; false where it has ended before. Its rights are the caller's to check. */
export async function endToken(
  tx: Transaction,
  origin: Origin,
  { id, reason }: { readonly id: string; readonly reason?: string | undefined },
): Promise<boolean> {
  const ended = await rows<Ended>(
    tx,
    `update tokens t
        set ended_at = now(), ended_by = :by
       from people p
      where p.id = t.person_id
        and t.id = :id
        and t.organization_id = :organization
        and t.ended_at is null
  returning t.id, t.name, p.username as owner`,
    { id, organization: origin.organization.id, by: actingId(origin) },
  )
  await recordEnds(tx, origin, { ended, reason })
  return ended.length > 0
}

async function recordEnds(
  tx: Transaction,
  origin: Origin,
  { ended, reason }: { readonly ended: readonly Ended[]; readonly reason?: string | undefined },
): Promise<void> {
  const at = await storeTime(tx)
  await appendRecords(
    tx,
    ended.map(({ id, name, owner }) => ({
      origin,
      at,
      draft: {
        action: 'token.deleted',
        area: 'tokens',
        subject: { type: 'token', id, name },
        outcome: 'ok',
        details: { username: owner },
        ...(reason === undefined ? {} : { reason }),
      },
    })),
  )
}
