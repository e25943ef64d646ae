import type { DateTime } from 'luxon'
import { bindingsOf, MATCHING, type AuditFilter, type AuditScope } from './audit-filter.ts'
import type { RecordState } from './audit-log.ts'
import { parseRecord, RECORD_STATES, type AuditRecord, type RecordRow } from './audit-record.ts'
import { AppError } from '../lib/errors.ts'
import type { SessionId } from '../lib/ids.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { findRow, getRow, iso, isOverdue, rows, type Db, type Transaction } from './store.ts'

/** A place in the trail: records older than it come next. */
export interface AuditCursor {
  readonly at: DateTime<true>
  readonly seq: string
}

export interface AuditSearchPage {
  /** Newest first. */
  readonly records: readonly AuditRecord[]
  /** Absent on the last page. */
  readonly next?: AuditCursor | undefined
}

/** Counts stop here: past it people read "10,000+". */
export const COUNTED_AT_MOST = 10_000
/** Records on a page of the Audit tab and in an answer of the API. */
export const PAGE_SIZE = 100

/** A page is worth more than its counts: one that takes longer is given up, in milliseconds. */
const COUNT_DEADLINE_MS = 2_000
/** Records that a download fetches at once: its memory is about this many, however long it is. */
const BATCH_SIZE = 500
/** The records of one session are few; this many would be a bug somewhere else. */
const SESSION_RECORDS_AT_MOST = 1_000

type PlacedRow = RecordRow & { readonly at: DateTime<true>; readonly seq: string }

/** A search that looked through more than fits in a statement's deadline. */
export class SearchTooBroad extends AppError {
  constructor(cause: unknown) {
    super(
      'search_too_broad',
      'This search takes too long over so many records: narrow the time between Since and Until.',
      { cause },
    )
  }
}

/** One page of the trail, newest first; equal milliseconds go by the order they were written in. Errors: SearchTooBroad. */
export async function searchRecords(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
  { cursor, size = PAGE_SIZE }: { cursor?: AuditCursor | undefined; size?: number } = {},
): Promise<AuditSearchPage> {
  const found = await searchRows(
    db,
    `select r.at, r.seq, r.body, (select p.payload from record_payloads p where p.at = r.at and p.seq = r.seq) as payload
       from records r
      where ${MATCHING}
        and (cast(:beforeAt as timestamptz) is null
             or (r.at <= cast(:beforeAt as timestamptz)
                 and (r.at, r.seq) < (cast(:beforeAt as timestamptz), cast(:beforeSeq as bigint))))
      order by r.at desc, r.seq desc
      limit :size`,
    {
      ...bindingsOf(scope, filter),
      beforeAt: cursor ? iso(cursor.at) : null,
      beforeSeq: cursor?.seq ?? null,
      size: size + 1,
    },
  )
  const page = found.slice(0, size)
  const last = found.length > size ? page.at(-1) : undefined
  return { records: page.map(parseRecord), next: last && { at: last.at, seq: last.seq } }
}

/** How many records match, at most COUNTED_AT_MOST + 1, which reads as "more than that". */
export function countRecords(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
): Promise<number | undefined> {
  return hurry(db, async (tx) => {
    const { count } = await getRow<{ count: number }>(
      tx,
      `select cast(count(*) as integer) as count
         from (select from records r where ${MATCHING} limit :most) as counted`,
      { ...bindingsOf(scope, filter), most: COUNTED_AT_MOST + 1 },
    )
    return count
  })
}

/** How many records match, to the last one. */
export async function countExactly(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
): Promise<number> {
  const { count } = await getRow<{ count: string }>(
    db,
    `select count(*) as count
       from records r
      where ${MATCHING}`,
    bindingsOf(scope, filter),
  )
  return Number(count)
}

/**
 * A count a state, each with its state written out: joined to a list of states, the planner takes
 * all for equally frequent and walks the whole trail for one that is rare.
 */
const STATE_COUNTS = RECORD_STATES.map(
  (state) => `
     select '${state}' as state, cast(count(*) as integer) as count
       from (select from records r where ${MATCHING} and r.state = '${state}' limit :most) as matching`,
).join(' union all ')

/**
 * For each state, how many records would match if it were the only one chosen: at most
 * COUNTED_AT_MOST + 1, as above. Empty when that takes too long.
 */
export async function countStates(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
): Promise<ReadonlyMap<RecordState, number>> {
  const counts = await hurry(db, (tx) =>
    rows<{ state: RecordState; count: number }>(tx, STATE_COUNTS, {
      ...bindingsOf(scope, { ...filter, states: [] }),
      most: COUNTED_AT_MOST + 1,
    }),
  )
  return new Map(counts?.map(({ state, count }) => [state, count]))
}

/** One record by its event id (a UUID). */
export async function findRecord(
  db: Db,
  scope: AuditScope,
  id: string,
): Promise<AuditRecord | undefined> {
  const row = await findRow<RecordRow>(
    db,
    `select r.body, p.payload
       from records r
       left join record_payloads p on p.at = r.at and p.seq = r.seq
      where r.event_id = :id
        and r.organization_id = coalesce(cast(:organization as uuid), r.organization_id)`,
    { id, organization: organizationIdOf(scope) },
  )
  return row && parseRecord(row)
}

/**
 * Every record of one session, oldest first. The caller has checked that the reader may see the
 * session; another organization's is empty all the same.
 */
export async function listSessionRecords(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
): Promise<AuditRecord[]> {
  const found = await rows<RecordRow>(
    db,
    `select r.body, p.payload
       from records r
       left join record_payloads p on p.at = r.at and p.seq = r.seq
      where r.session_id = :sessionId
        and r.organization_id = coalesce(cast(:organization as uuid), r.organization_id)
      order by r.at, r.seq
      limit :most`,
    { sessionId, organization: organizationIdOf(scope), most: SESSION_RECORDS_AT_MOST },
  )
  return found.map(parseRecord)
}

/**
 * Every matching record, newest first, in batches. Runs on a cursor: in a transaction that nothing
 * else reads from meanwhile, and that the caller ends.
 */
export async function* readRecords(
  tx: Transaction,
  scope: AuditScope,
  filter: AuditFilter,
): AsyncGenerator<readonly AuditRecord[], void, undefined> {
  await rows(
    tx,
    `declare records_read no scroll cursor for
      select r.body, (select p.payload from record_payloads p where p.at = r.at and p.seq = r.seq) as payload
        from records r
       where ${MATCHING}
       order by r.at desc, r.seq desc`,
    bindingsOf(scope, filter),
  )
  for (;;) {
    const batch = await rows<RecordRow>(tx, `fetch forward ${String(BATCH_SIZE)} from records_read`)
    if (batch.length === 0) return
    yield batch.map(parseRecord)
  }
}

async function searchRows(
  db: Db,
  sql: string,
  bindings: Readonly<Record<string, unknown>>,
): Promise<PlacedRow[]> {
  try {
    return await rows<PlacedRow>(db, sql, bindings)
  } catch (error) {
    throw isOverdue(error) ? new SearchTooBroad(error) : error
  }
}

/** Runs a count for as long as a reader would wait; undefined when it is not done by then. */
async function hurry<T>(db: Db, count: (tx: Transaction) => Promise<T>): Promise<T | undefined> {
  try {
    return await db.transaction(async (tx) => {
      await tx.raw(`set local statement_timeout = ${String(COUNT_DEADLINE_MS)}`)
      return count(tx)
    })
  } catch (error) {
    if (isOverdue(error)) return undefined
    throw error
  }
}
