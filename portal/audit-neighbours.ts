import { Duration } from 'luxon'
import type { AuditFilter, AuditScope } from '../db/audit-filter.ts'
import type { AuditRecord } from '../db/audit-record.ts'
import { searchRecords } from '../db/audit-search.ts'
import type { Db } from '../db/store.ts'

/** The records of a selection before and after one of them. */
export interface Neighbours {
  readonly newer: AuditRecord | undefined
  readonly older: AuditRecord | undefined
}

/** How far ahead the next one is looked for, step by step; beyond the last, nobody waits for it. */
const AHEAD = ['PT1S', 'PT1M', 'PT1H', 'P1D', 'P31D'].map((text) => Duration.fromISO(text))
/** More than this within a step, and the one before is nowhere near. */
const LOOKED_AT = 100

/** Finds them where that is cheap: by a few short searches around the record. */
export async function findNeighbours(
  db: Db,
  { scope, filter }: { readonly scope: AuditScope; readonly filter: AuditFilter },
  { id, at }: AuditRecord,
): Promise<Neighbours> {
  const until = filter.until !== null && filter.until < at ? filter.until : at
  const { records } = await searchRecords(db, scope, { ...filter, until }, { size: LOOKED_AT })
  const place = records.findIndex((record) => record.id === id)
  if (place === -1) return { newer: undefined, older: undefined }
  const newer = records[place - 1] ?? (await findNewer(db, { scope, filter }, { id, at }))
  return { newer, older: records[place + 1] }
}

async function findNewer(
  db: Db,
  { scope, filter }: { readonly scope: AuditScope; readonly filter: AuditFilter },
  { id, at }: Pick<AuditRecord, 'id' | 'at'>,
): Promise<AuditRecord | undefined> {
  for (const step of AHEAD) {
    const ahead = at.plus(step)
    const until = filter.until !== null && filter.until < ahead ? filter.until : ahead
    const window = { ...filter, since: at, until }
    const { records, next } = await searchRecords(db, scope, window, { size: LOOKED_AT })
    const place = records.findIndex((record) => record.id === id)
    if (place > 0) return records[place - 1]
    if (place === -1 && next !== undefined) return undefined
  }
  return undefined
}
