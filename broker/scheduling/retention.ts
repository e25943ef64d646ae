import { randomUUID } from 'node:crypto'
import { sentenceOf } from '../../lib/errors.ts'
import { getDefaultOrganization } from '../../db/people.ts'
import { dropOldMonths, type DroppedMonth } from '../../db/retention.ts'
import { systemOrigin } from '../../db/scope.ts'
import { storeTime, unhurried, type Store, type Transaction } from '../../db/store.ts'
import { recordTask, type TaskRun } from '../../db/task-records.ts'

/** Counting a month of many statements takes its time; milliseconds. */
const DEADLINE_MS = 600_000

/**
 * Drops the recordings that the policy no longer keeps, whole months at a time. All that is due goes
 * in one transaction with its records, or stays until the next call.
 */
export async function dropOldRecordings({ store }: { readonly store: Store }): Promise<void> {
  try {
    await unhurried(store, { deadlineMs: DEADLINE_MS }, (patient) => patient.change(dropDue))
  } catch (error) {
    const result = `Old recordings could not be dropped, and are tried again within the hour: ${sentenceOf(error)}`
    await store.change(async (tx) =>
      note(tx, { outcome: 'failed', result, startedAt: await storeTime(tx) }),
    )
    throw error
  }
}

async function dropDue(tx: Transaction): Promise<void> {
  const startedAt = await storeTime(tx)
  const dropped = await dropOldMonths(tx)
  if (dropped.length === 0) return
  await note(tx, { outcome: 'ok', result: sayDropped(dropped), startedAt })
}

async function note(tx: Transaction, run: Omit<TaskRun, 'task'>): Promise<void> {
  const origin = systemOrigin(await getDefaultOrganization(tx), randomUUID())
  await recordTask(tx, origin, await storeTime(tx), { task: 'retention', ...run })
}

/** `Dropped 1,204 statements of 2026-01 and 0 of 2026-02, kept for 6 months as the policy says.` */
function sayDropped(dropped: readonly DroppedMonth[]): string {
  const months = dropped.map(
    ({ month, statements }) =>
      `${statements.toLocaleString('en')} statement${statements === 1 ? '' : 's'} of ${month}`,
  )
  const kept = dropped[0]?.keptMonths ?? 0
  return `Dropped ${listed(months)}, kept for ${kept} month${kept === 1 ? '' : 's'} as the policy says.`
}

function listed(words: readonly string[]): string {
  return new Intl.ListFormat('en').format(words)
}
