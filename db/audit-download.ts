import { conditionsOf } from './audit-conditions.ts'
import { countWindows, placeOf, type CountedWindow } from './audit-counts.ts'
import type { AuditFilter, AuditScope } from './audit-filter.ts'
import { asked, isSelective, leading, matching, payloadIn, samePlace } from './audit-matching.ts'
import { parseRecord, type AuditRecord, type RecordRow } from './audit-record.ts'
import { rows, unhurried, type Store, type Transaction } from './store.ts'

/** What a reader of a whole selection is given. */
export interface RecordsOpened {
  /** Exactly as many as `records` will yield. */
  readonly count: number
  readonly records: AsyncIterable<readonly AuditRecord[]>
}

/** Counting ten million rows takes its time; a reader may be slow, and holds no lock that anyone waits for. */
const LIMITS = { deadlineMs: 300_000, frozenMs: 120_000 }
/** Records that are fetched at once: a download's memory is about this many, however long it is. */
const BATCH_SIZE = 100
/** So few that their text is short-lived: what is larger waits in memory for the great collection. */
const YIELDED_AT_ONCE = 25
/** Where a month holds more, to walk through it costs less than to look each up and to sort them. */
const LOOKED_UP_AT_MOST = 20_000

/**
 * Opens a selection for reading to its end, at one moment of the trail: what is written meanwhile
 * is neither counted nor read. Has a connection of its own until `work` is over, however it ends.
 */
export function withRecords(
  store: Store,
  { scope, filter }: { scope: AuditScope; filter: AuditFilter },
  work: (opened: RecordsOpened) => Promise<void>,
): Promise<void> {
  return unhurried(store, LIMITS, ({ db }) =>
    db.transaction(
      async (tx) => {
        const windows = await countWindows(tx, scope, filter)
        const count = windows.reduce((total, window) => total + window.count, 0)
        await work({ count, records: readWindows(tx, { scope, filter, windows }) })
      },
      { isolationLevel: 'repeatable read', readOnly: true },
    ),
  )
}

interface Selection {
  readonly scope: AuditScope
  readonly filter: AuditFilter
  readonly windows: readonly CountedWindow[]
}

/** Every matching record, newest first, in batches. Nothing else may read from the transaction meanwhile. */
async function* readWindows(
  tx: Transaction,
  { scope, filter, windows }: Selection,
): AsyncGenerator<readonly AuditRecord[], void, undefined> {
  const isLookedUp = isSelective(conditionsOf(scope, filter))
  for (const { window, count } of windows) {
    const { place, bindings } = placeOf({ scope, filter, window })
    const sql =
      isLookedUp && count <= LOOKED_UP_AT_MOST
        ? `with found as materialized (${matching(place, 'r.at, r.seq')})
           select r.body, ${payloadIn(window)} as payload
             from found
             join records r on ${samePlace('found', window)}`
        : `select r.body, ${payloadIn(window)} as payload
             from records r
            where ${leading(place)}
              and ${asked(place)}`
    await rows(
      tx,
      `declare records_read no scroll cursor for ${sql} order by r.at desc, r.seq desc`,
      bindings,
    )
    yield* readCursor(tx)
    await rows(tx, 'close records_read')
  }
}

/** The store reads the next batch while this one is on its way to the reader. */
async function* readCursor(
  tx: Transaction,
): AsyncGenerator<readonly AuditRecord[], void, undefined> {
  for (let coming = fetchBatch(tx); ;) {
    const batch = await coming
    if (batch.length === 0) return
    coming = fetchBatch(tx)
    for (let start = 0; start < batch.length; start += YIELDED_AT_ONCE) {
      yield batch.slice(start, start + YIELDED_AT_ONCE).map(parseRecord)
    }
  }
}

function fetchBatch(tx: Transaction): Promise<RecordRow[]> {
  const coming = rows<RecordRow>(tx, `fetch forward ${String(BATCH_SIZE)} from records_read`)
  // where the reader leaves nobody waits for it, and its error is told by whatever comes next
  coming.catch(() => undefined)
  return coming
}
