import { randomUUID } from 'node:crypto'
import { getOrganization } from '../../db/people.ts'
import { expireAccount, listExpiredAccounts } from '../../db/person-expiry.ts'
import { systemOrigin } from '../../db/scope.ts'
import { storeTime, type Store } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'

/** One tick ends at most this many accounts; the next goes on. */
const ACCOUNTS_AT_ONCE = 100

/**
 * Ends the accounts whose date has come, each with its record, its sign-ins and the record of the task
 * that did. Their sessions are found by the same tick. One that fails holds up no other.
 */
export async function expireAccounts({
  store,
  log,
}: {
  readonly store: Store
  readonly log: Log
}): Promise<void> {
  for (const account of await listExpiredAccounts(store.db, ACCOUNTS_AT_ONCE)) {
    try {
      await store.change(async (tx) => {
        const startedAt = await storeTime(tx)
        const organization = await getOrganization(tx, account.organizationId)
        const origin = systemOrigin(organization, randomUUID())
        const username = await expireAccount(tx, origin, account.id)
        if (username === undefined) return
        await recordTask(tx, origin, await storeTime(tx), {
          task: 'accounts',
          outcome: 'ok',
          result: `The account of ${username} has expired: its sign-ins and tokens are worth nothing from now on.`,
          startedAt,
        })
      })
    } catch (error) {
      log.error({ person: account.id, error: sentenceOf(error) }, 'an account could not be ended')
    }
  }
}
