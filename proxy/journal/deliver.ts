import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRowFault } from '../../db/row-faults.ts'
import type { StatementCopy } from '../../db/statement-copy.ts'
import { appendStatements, type StatementRow } from '../../db/statement-log.ts'
import type { Db } from '../../db/store.ts'
import type { Log } from '../../lib/log.ts'
import { bareRow, weightOf } from './statement-rows.ts'

export interface DeliveryDeps {
  readonly folder: string
  readonly db: Db
  readonly copy: Pick<StatementCopy, 'copy'>
  readonly log: Log
}

const REFUSED_NAME = 'statements.refused'
const FILE_MODE = 0o600
/** What goes to the store at once, in weight: one event of a client's can be the end of far more. */
const SLICE_MOST = 4 * 1024 * 1024

/**
 * Puts a batch into the store, each row of it once. Rows that are there already stay as they are; what
 * the store will never take is set aside. Errors: the store's, and then it must be told again.
 */
export async function deliver(deps: DeliveryDeps, batch: readonly StatementRow[]): Promise<void> {
  for (const slice of slicesOf(batch)) {
    if (!(await isTaken(() => deps.copy.copy(slice)))) await append(deps, slice)
  }
}

function slicesOf(batch: readonly StatementRow[]): (readonly StatementRow[])[] {
  const slices: (readonly StatementRow[])[] = []
  let from = 0
  let weight = 0
  for (const [index, row] of batch.entries()) {
    const added = weightOf(row)
    if (weight > 0 && weight + added > SLICE_MOST) {
      slices.push(batch.slice(from, index))
      from = index
      weight = 0
    }
    weight += added
  }
  slices.push(from === 0 ? batch : batch.slice(from))
  return slices
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
async function appendBare({ folder, db, log }: DeliveryDeps, row: StatementRow): Promise<void> {
  const place = { connection: row.connectionId, number: row.number }
  log.error(place, 'a statement could not be stored as it was')
  setAside(folder, row)
  if (await isTaken(() => appendStatements(db, [bareRow(row)]))) return
  log.error(place, 'a statement is in no recording, only in the journal folder, set aside')
}

/** Keeps what the store will never take, for a person to look at: one line of JSON each. */
function setAside(folder: string, row: StatementRow): void {
  appendFileSync(join(folder, REFUSED_NAME), `${JSON.stringify(row)}\n`, { mode: FILE_MODE })
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
