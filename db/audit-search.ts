import type { DateTime } from 'luxon'
import { conditionsOf } from './audit-conditions.ts'
import type { AuditFilter, AuditScope } from './audit-filter.ts'
import {
  asked,
  isSelective,
  leading,
  matching,
  payloadIn,
  samePlace,
  type Place,
} from './audit-matching.ts'
import { parseRecord, type AuditRecord, type RecordRow } from './audit-record.ts'
import {
  newestMonth,
  piecesOf,
  windowBindings,
  windowOf,
  type AuditWindow,
} from './audit-windows.ts'
import { inSearch } from './audit-transaction.ts'
import { AppError } from '../lib/errors.ts'
import type { SessionId } from '../lib/ids.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { findRow, iso, isOverdue, rows, type Db } from './store.ts'

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

/** Records on a page of the Audit tab and in an answer of the API. */
export const PAGE_SIZE = 100

/**
 * So many of the newest records are looked at one by one before anything is looked up: what one in a
 * hundred holds fills a page there, and to look it up is to fetch a month of it before the first is shown.
 */
const GLANCED_AT = 10_000
/** The first of them tell whether it is worth looking at the rest. */
const FIRST_GLANCED_AT = 1_000
/** The records of one session are few; this many would be a bug somewhere else. */
const SESSION_RECORDS_AT_MOST = 1_000

/** A walk ends in the newest month, or in the one before it where that has only begun. */
const WALKED = [1, 1] as const

type PlacedRow = RecordRow & AuditCursor

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
  try {
    const found = await inSearch(db, (tx) =>
      findNewest(searchFor(tx, scope, filter, cursor), size + 1),
    )
    const page = found.slice(0, size)
    const last = found.length > size ? page.at(-1) : undefined
    return { records: page.map(parseRecord), next: last && { at: last.at, seq: last.seq } }
  } catch (error) {
    throw isOverdue(error) ? new SearchTooBroad(error) : error
  }
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

/** What every statement of one search shares. */
interface Search {
  readonly db: Db
  readonly window: AuditWindow
  readonly place: Omit<Place, 'window'>
  readonly bindings: Readonly<Record<string, unknown>>
  /** A session's records lie close together and are few: one statement finds them anywhere. */
  readonly isOfOneSession: boolean
}

const BEFORE = `(r.at, r.seq) < (cast(:beforeAt as timestamptz), cast(:beforeSeq as bigint))`

function searchFor(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
  cursor: AuditCursor | undefined,
): Search {
  const conditions = conditionsOf(scope, filter)
  const before = cursor && { beforeAt: iso(cursor.at), beforeSeq: cursor.seq }
  return {
    db,
    window: windowOf(filter, cursor?.at),
    place: { conditions, also: before === undefined ? [] : [BEFORE] },
    bindings: { ...conditions.bindings, ...before },
    isOfOneSession: filter.session !== null,
  }
}

/** So many of what matches, newest first, or all there is. */
async function findNewest(search: Search, count: number): Promise<PlacedRow[]> {
  const { window, place } = search
  if (!isSelective(place.conditions)) return walkBack(search, count)
  if (search.isOfOneSession) return readPlaces(search, await lookUp(search, [window], count))
  const glanced = await glance(search, newestMonth(window), count)
  if (glanced.length === count) return glanced
  const [newest, ...older] = piecesOf(window)
  const found = newest === undefined ? [] : await lookUp(search, [newest], count)
  if (found.length < count && older.length > 0) {
    found.push(...(await lookUp(search, older, count - found.length)))
  }
  return readPlaces(search, found)
}

/** Where everything that is met in the order of time is what is meant. */
async function walkBack(search: Search, count: number): Promise<PlacedRow[]> {
  const found: PlacedRow[] = []
  for (const window of piecesOf(search.window, WALKED)) {
    found.push(...(await walk(search, window, count - found.length)))
    if (found.length === count) break
  }
  return found
}

function walk(search: Search, window: AuditWindow, count: number): Promise<PlacedRow[]> {
  return run(search, [window], {
    sql: `select r.at, r.seq, r.body, ${payloadIn(window)} as payload
            from records r
           where ${leading({ ...search.place, window })}
           order by r.at desc, r.seq desc
           limit :count`,
    more: { count },
  })
}

/** The newest records of a window, asked one after the other for as long as they promise to fill the page. */
async function glance(search: Search, window: AuditWindow, count: number): Promise<PlacedRow[]> {
  const found = await ask(search, window, { newest: FIRST_GLANCED_AT, count })
  const expected = found.length * (GLANCED_AT / FIRST_GLANCED_AT)
  if (found.length === count || expected < count) return found
  return ask(search, window, { newest: GLANCED_AT, count })
}

function ask(
  search: Search,
  window: AuditWindow,
  { newest, count }: { newest: number; count: number },
): Promise<PlacedRow[]> {
  const place = { ...search.place, window }
  return run(search, [window], {
    sql: `select r.at, r.seq, r.body, ${payloadIn(window)} as payload
            from (select *
                    from records r
                   where ${leading(place)}
                   order by r.at desc, r.seq desc
                   limit ${newest}) as r
           where ${asked(place)}
           order by r.at desc, r.seq desc
           limit :count`,
    more: { count },
  })
}

/**
 * The newest of what matches in several windows, each newer than the next: the next one is begun only where
 * those before it had too little. `offset 0` keeps the limit out of sight: the planner would walk through
 * time in the hope to meet what may not be there.
 */
function lookUp(
  search: Search,
  windows: readonly AuditWindow[],
  count: number,
): Promise<AuditCursor[]> {
  const parts = windows.map(
    (window) => `
          (select at, seq
             from (${matching({ ...search.place, window }, 'r.at, r.seq')} offset 0) as found
            order by at desc, seq desc
            limit :count)`,
  )
  return run(search, windows, {
    sql: `select at, seq from (${parts.join(' union all ')}) as newest limit :count`,
    more: { count },
  })
}

/** The records at places that were found, with their private values. */
async function readPlaces(search: Search, found: readonly AuditCursor[]): Promise<PlacedRow[]> {
  const [newest, oldest] = [found[0], found.at(-1)]
  if (newest === undefined || oldest === undefined) return []
  const window = { from: oldest.at, to: newest.at.plus({ milliseconds: 1 }) }
  return run(search, [window], {
    sql: `select r.at, r.seq, r.body, ${payloadIn(window)} as payload
            from unnest(cast(:ats as timestamptz[]), cast(:seqs as bigint[])) as found(at, seq)
            join records r on ${samePlace('found', window)}
           order by r.at desc, r.seq desc`,
    more: { ats: found.map(({ at }) => iso(at)), seqs: found.map(({ seq }) => seq) },
  })
}

function run<Row>(
  { db, bindings }: Search,
  windows: readonly AuditWindow[],
  { sql, more }: { sql: string; more: Readonly<Record<string, unknown>> },
): Promise<Row[]> {
  const times = Object.fromEntries(
    windows.flatMap((window) => Object.entries(windowBindings(window))),
  )
  return rows<Row>(db, sql, { ...bindings, ...times, ...more })
}
