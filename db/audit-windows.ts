import { DateTime } from 'luxon'
import type { AuditFilter } from './audit-filter.ts'
import { iso } from './store.ts'

/** A stretch of the trail. PostgreSQL leaves out the months beyond it before it plans. */
export interface AuditWindow {
  /** Tells windows of one statement apart. */
  readonly number?: number
  /** Inclusive; null: from the beginning. */
  readonly from: DateTime<true> | null
  /** Exclusive; null: to the end. */
  readonly to: DateTime<true> | null
}

/**
 * Months looked through at once after the newest: the rare is found by few statements, and none of them
 * fetches many months of what was frequent long ago. Months that there are none of cost next to nothing.
 */
const WIDENING: readonly number[] = [1, 1, 2, 4, 4, 4, 4, 4, 4, 4, 4]
export const MONTH_BY_MONTH: readonly number[] = Array.from({ length: 60 }, () => 1)

/** What lies between a filter's times, and no later than a cursor. */
export function windowOf({ since, until }: AuditFilter, last?: DateTime<true>): AuditWindow {
  const end = last === undefined || (until !== null && until < last) ? until : last
  return { from: since, to: end === null ? null : end.plus({ milliseconds: 1 }) }
}

/** The newest part of a window: the month it ends in, or this one. */
export function newestMonth(window: AuditWindow): AuditWindow {
  const from = startOfMonth(window.to)
  return { from: later(from, window.from), to: window.to }
}

/** A window piece by piece, newest first: the months told, and then whatever is older in one. */
export function* piecesOf(
  { from: since, to: end }: AuditWindow,
  months: readonly number[] = WIDENING,
): Generator<AuditWindow, void, undefined> {
  let to = end
  let from = startOfMonth(end)
  for (const [number, count] of months.entries()) {
    if (since !== null && since >= from) break
    yield { number, from, to }
    to = from
    from = from.minus({ months: count })
  }
  yield { number: months.length, from: since, to }
}

/** The times of a window as conditions on a table that has an `at`. */
export function within({ number = 0, from, to }: AuditWindow, table: 'r' | 'p'): string[] {
  return [
    ...(from === null ? [] : [`${table}.at >= cast(:windowFrom${number} as timestamptz)`]),
    ...(to === null ? [] : [`${table}.at < cast(:windowTo${number} as timestamptz)`]),
  ]
}

/** What they bind. */
export function windowBindings({
  number = 0,
  from,
  to,
}: AuditWindow): Readonly<Record<string, unknown>> {
  return {
    ...(from === null ? {} : { [`windowFrom${number}`]: iso(from) }),
    ...(to === null ? {} : { [`windowTo${number}`]: iso(to) }),
  }
}

/** The month of what lies just before `end`; this month where that is still to come. */
function startOfMonth(end: DateTime<true> | null): DateTime<true> {
  const now = DateTime.utc()
  const last = end === null || end > now ? now : end.minus({ milliseconds: 1 })
  return last.toUTC().startOf('month')
}

function later(one: DateTime<true>, other: DateTime<true> | null): DateTime<true> {
  return other === null || one >= other ? one : other
}
