import { isRowFault } from '../../db/row-faults.ts'
import type { StatementBatch } from '../../db/statement-batch.ts'
import type { StatementCopy } from '../../db/statement-copy.ts'
import { appendStatements, type StatementRow } from '../../db/statement-log.ts'
import { rowsOf } from '../../db/statement-slice.ts'
import type { Db } from '../../db/store.ts'
import type { Log } from '../../lib/log.ts'
import { setAside } from './refused.ts'
import { bareRow } from './statement-rows.ts'

export interface DeliveryDeps {
  readonly folder: string
  /** Whom what is set aside there is sealed to. */
  readonly publicKey: Buffer
  readonly db: Db
  readonly copy: Pick<StatementCopy, 'copy'>
  readonly log: Log
}

/**
 * Puts a batch into the store, each row of it once. Rows that are there already stay as they are; what
 * the store will never take is set aside. Errors: the store's, and then it must be told again.
 */
export async function deliver(deps: DeliveryDeps, batch: StatementBatch): Promise<void> {
  for (const slice of batch.slices) {
    if (!(await isTaken(() => deps.copy.copy(slice)))) await append(deps, rowsOf(slice))
  }
  for (const row of batch.odd) await append(deps, [row])
}

/** A row that the store can't hold must not keep all others waiting: halves find it. */
async function append(deps: DeliveryDeps, batch: readonly StatementRow[]): Promise<void> {
  if (await isTaken(() => appendStatements(deps.db, batch))) return
  const [row] = batch
  if (batch.length === 1 && row !== undefined) {
    await appendBare(deps, row)
    return
  }
  const half = Math.ceil(batch.length / 2)
  await append(deps, batch.slice(0, half))
  await append(deps, batch.slice(half))
}

/** That it ran is the least that must be said; where even that can't be, a person must look. */
async function appendBare(deps: DeliveryDeps, row: StatementRow): Promise<void> {
  const { folder, publicKey, db, log } = deps
  const place = { connection: row.connectionId, number: row.number }
  log.error(place, 'a statement could not be stored as it was')
  setAside(folder, publicKey, row)
  if (await isTaken(() => appendStatements(db, [bareRow(row)]))) return
  log.error(place, 'a statement is in no recording, only in the journal folder, set aside')
}

/** False where one of these rows is at fault; any other failure is the store's, and thrown. */
async function isTaken(put: () => Promise<unknown>): Promise<boolean> {
  try {
    await put()
    return true
  } catch (error) {
    if (isRowFault(error)) return false
    throw error
  }
}
