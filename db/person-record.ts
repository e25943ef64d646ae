import { appendRecord, type Action } from './audit-log.ts'
import { detailsOf, differencesBetween } from './policy-facts.ts'
import type { Origin } from './scope.ts'
import { storeTime, type Transaction } from './store.ts'

/** What happened to a person, as its record says it. */
export interface PersonRecord {
  readonly action: Extract<Action, `user.${string}`>
  readonly person: { readonly id: string; readonly username: string }
  /** As it was and as it is, by the name of the field; what did not change is left out. */
  readonly before?: Readonly<Record<string, string>>
  readonly after?: Readonly<Record<string, string>>
  readonly details?: Readonly<Record<string, string>>
  readonly reason?: string | undefined
}

/** Writes what happened to a person into the trail. */
export async function recordPerson(
  tx: Transaction,
  origin: Origin,
  { action, person, before = {}, after = {}, details = {}, reason }: PersonRecord,
): Promise<void> {
  await appendRecord(tx, origin, await storeTime(tx), {
    action,
    area: 'users',
    subject: { type: 'user', id: person.id, name: person.username },
    outcome: 'ok',
    details: { ...details, ...detailsOf(differencesBetween(before, after)) },
    ...(reason === undefined ? {} : { reason }),
  })
}
