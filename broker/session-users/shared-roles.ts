import { storeTime } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import { originOfDataSource } from '../origins.ts'
import type { Crew } from './batches.ts'
import { ensureSharedRoles } from './session-users.ts'

/** Makes what all session users of a data source share where it is missing, with its record. */
export async function readySharedRoles({ deps, target }: Crew): Promise<void> {
  const made = await ensureSharedRoles(target)
  if (made.length === 0) return
  const { dataSource } = target
  await deps.store.change(async (tx) => {
    const at = await storeTime(tx)
    await recordTask(tx, await originOfDataSource(tx, dataSource), at, {
      task: 'reconcile',
      outcome: 'ok',
      result: `What session users need on ${dataSource.name} was missing, and was made: ${made.join('; ')};`,
      startedAt: at,
      dataSource: { id: dataSource.id, name: dataSource.name },
    })
  })
}
