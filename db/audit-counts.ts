import { conditionsOf } from './audit-conditions.ts'
import type { AuditFilter, AuditScope } from './audit-filter.ts'
import { isSelective, leading, matching, type Place } from './audit-matching.ts'
import { deadlineIn, inSearch } from './audit-transaction.ts'
import {
  MONTH_BY_MONTH,
  piecesOf,
  windowBindings,
  windowOf,
  type AuditWindow,
} from './audit-windows.ts'
import { getRow, isOverdue, type Db, type Transaction } from './store.ts'

/** Counts stop here: past it people read "10,000+". */
export const COUNTED_AT_MOST = 10_000

/** A page is worth more than its counts: those that take longer are given up. */
export interface CountOptions {
  readonly deadlineMs?: number
}
const COUNT_DEADLINE_MS = 2_000
/** So many times what is left may one statement of a count take. */
const TOLERATED = 2

/** A stretch of the trail, and how many records match in it. */
export interface CountedWindow {
  readonly window: AuditWindow
  readonly count: number
}

/** How many records match, at most COUNTED_AT_MOST + 1; undefined when that takes too long. */
export function countRecords(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
  { deadlineMs }: CountOptions = {},
): Promise<number | undefined> {
  return hurry(db, deadlineMs, async (tx, stillInTime) => {
    let counted = 0
    for (const window of windowsFor(scope, filter)) {
      await stillInTime()
      counted += await countIn(tx, { scope, filter, window }, COUNTED_AT_MOST + 1 - counted)
      if (counted > COUNTED_AT_MOST) break
    }
    return counted
  })
}

/** How many records match, to the last one. */
export async function countExactly(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
): Promise<number> {
  const windows = await countWindows(db, scope, filter)
  return windows.reduce((total, { count }) => total + count, 0)
}

/** As countExactly, and where they lie: newest first, each at most a month of what has to be looked up. */
export async function countWindows(
  db: Db,
  scope: AuditScope,
  filter: AuditFilter,
): Promise<readonly CountedWindow[]> {
  const counted: CountedWindow[] = []
  for (const window of windowsFor(scope, filter, MONTH_BY_MONTH)) {
    const count = await countIn(db, { scope, filter, window })
    if (count > 0) counted.push({ window, count })
  }
  return counted
}

/** What a count goes through: the whole, where an index in the order of time holds nothing else. */
function windowsFor(
  scope: AuditScope,
  filter: AuditFilter,
  months?: readonly number[],
): Iterable<AuditWindow> {
  const window = windowOf(filter)
  const isWhole = filter.session !== null || !isSelective(conditionsOf(scope, filter))
  return isWhole ? [window] : piecesOf(window, months)
}

/** What is counted, and where. */
export interface Counted {
  readonly scope: AuditScope
  readonly filter: AuditFilter
  readonly window: AuditWindow
}

async function countIn(db: Db, counted: Counted, most?: number): Promise<number> {
  const { place, bindings } = placeOf(counted)
  const listed = isSelective(place.conditions)
    ? matching(place, 'r.at, r.seq')
    : `select from records r where ${leading(place)}`
  const { count } = await getRow<{ count: string }>(
    db,
    `select count(*) as count
       from (select from (${listed}) as listed ${most === undefined ? '' : 'limit :most'}) as counted`,
    { ...bindings, ...(most === undefined ? {} : { most }) },
  )
  return Number(count)
}

/** A window of the trail as its statements name it, with all that they bind. */
export function placeOf({ scope, filter, window }: Counted): {
  readonly place: Place
  readonly bindings: Readonly<Record<string, unknown>>
} {
  const conditions = conditionsOf(scope, filter)
  return {
    place: { conditions, window },
    bindings: { ...conditions.bindings, ...windowBindings(window) },
  }
}

/** Counts for as long as a reader would wait; undefined when it is not done by then. */
export async function hurry<T>(
  db: Db,
  deadlineMs = COUNT_DEADLINE_MS,
  count: (tx: Transaction, stillInTime: () => Promise<void>) => Promise<T>,
): Promise<T | undefined> {
  const deadline = performance.now() + deadlineMs
  let allowed = deadlineMs
  const countInTime = (tx: Transaction): Promise<T> =>
    count(tx, async () => {
      const left = deadline - performance.now()
      if (left <= 0) throw new OutOfTime()
      // to say so before each of them would take as long as most of them
      if (left > allowed / TOLERATED) return
      allowed = left
      await tx.raw(deadlineIn(left))
    })
  try {
    return await inSearch(db, countInTime, { deadlineMs })
  } catch (error) {
    if (isOverdue(error) || error instanceof OutOfTime) return undefined
    throw error
  }
}

/** Between two statements of a count. */
class OutOfTime extends Error {}
