import { randomUUID } from 'node:crypto'
import { getOrganization } from './people.ts'
import { systemOrigin } from './scope.ts'
import { recordEnds, type EndedSignIn } from './sign-ins.ts'
import { rows, type Transaction } from './store.ts'

/** So many at once; the next look ends the rest. */
const ENDED_AT_ONCE = 200

/**
 * Writes that sign-ins whose day is over have ended, with their records; answers how many. They were
 * worth nothing before, too: this is for those who read. Several may look at the same time.
 */
export async function endExpiredSignIns(tx: Transaction): Promise<number> {
  const ended = await rows<EndedSignIn & { readonly organizationId: string }>(
    tx,
    `update sign_ins s
        set ended_at = s.expires_at, ended_as = 'expired'
       from people p
      where p.id = s.person_id
        and s.id in (select id
                       from sign_ins
                      where ended_at is null
                        and expires_at <= now()
                      limit :most
                        for update skip locked)
  returning s.id, p.username, s.organization_id as "organizationId"`,
    { most: ENDED_AT_ONCE },
  )
  for (const id of new Set(ended.map(({ organizationId }) => organizationId))) {
    const origin = systemOrigin(await getOrganization(tx, id), randomUUID())
    const theirs = ended.filter(({ organizationId }) => organizationId === id)
    await recordEnds(tx, origin, { as: 'expired', ended: theirs })
  }
  return ended.length
}
