import { countExactly, readRecords } from './audit-search.ts'
import type { AuditFilter, AuditScope } from './audit-filter.ts'
import type { AuditRecord } from './audit-record.ts'
import type { Store } from './store.ts'

/** What a reader of a whole selection is given. */
export interface RecordsOpened {
  /** Exactly as many as `records` will yield. */
  readonly count: number
  readonly records: AsyncIterable<readonly AuditRecord[]>
}

/** Counting ten million rows takes longer than the deadline of an ordinary statement; milliseconds. */
const DEADLINE_MS = 300_000

/**
 * Opens a selection for reading to its end, at one moment of the trail: what is written meanwhile
 * is neither counted nor read. Holds one connection until `work` is over, however it ends.
 */
export function withRecords(
  store: Store,
  { scope, filter }: { scope: AuditScope; filter: AuditFilter },
  work: (opened: RecordsOpened) => Promise<void>,
): Promise<void> {
  return store.db.transaction(
    async (tx) => {
      await tx.raw(`set local statement_timeout = ${String(DEADLINE_MS)}`)
      const count = await countExactly(tx, scope, filter)
      await work({ count, records: readRecords(tx, scope, filter) })
    },
    { isolationLevel: 'repeatable read', readOnly: true },
  )
}
