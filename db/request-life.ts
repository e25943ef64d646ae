import { appendRecord } from './audit-log.ts'
import { detailsOf, differencesBetween, sayDifferences } from './policy-facts.ts'
import { keepPolicyVersion } from './policy-versions.ts'
import type { Origin } from './scope.ts'
import { getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** The longest that a request whose window counts from approval waits for it, in minutes. */
export async function getRequestLife(db: Db, organizationId: string): Promise<number> {
  const { minutes } = await getRow<{ minutes: number }>(
    db,
    `select request_life_minutes as minutes
       from organizations
      where id = :organizationId`,
    { organizationId },
  )
  return minutes
}

/** Sets how long requests may wait; those that wait keep the time they were made with. */
export async function changeRequestLife(
  tx: Transaction,
  origin: Origin,
  minutes: number,
): Promise<void> {
  const organizationId = origin.organization.id
  const before = { request_life_minutes: String(await getRequestLife(tx, organizationId)) }
  const differences = differencesBetween(before, { request_life_minutes: String(minutes) })
  if (differences.length === 0) return
  await rows(
    tx,
    `update organizations
        set request_life_minutes = :minutes
      where id = :organizationId`,
    { minutes, organizationId },
  )
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'settings.changed',
    area: 'settings',
    subject: { type: 'setting', id: 'request_life', name: 'time-to-live of requests' },
    outcome: 'ok',
    details: detailsOf(differences),
  })
  await keepPolicyVersion(tx, origin, `time-to-live of requests: ${sayDifferences(differences)}`)
}
