import { changeSetting } from './setting-changes.ts'
import type { Origin } from './scope.ts'
import { getRow, rows, type Db, type Transaction } from './store.ts'

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
  await changeSetting(tx, origin, {
    setting: { id: 'request_life', name: 'time-to-live of requests' },
    before: { request_life_minutes: String(await getRequestLife(tx, organizationId)) },
    after: { request_life_minutes: String(minutes) },
    keep: () =>
      rows(
        tx,
        `update organizations
            set request_life_minutes = :minutes
          where id = :organizationId`,
        { minutes, organizationId },
      ),
  })
}
