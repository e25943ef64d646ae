import { RECORD_KEYS, type AuditConditions } from './audit-conditions.ts'
import { within, type AuditWindow } from './audit-windows.ts'

/** Where a statement looks: one window of the trail, narrowed further by `also` (conditions on `records r`). */
export interface Place {
  readonly conditions: AuditConditions
  readonly window: AuditWindow
  readonly also?: readonly string[]
}

const SAME_RECORD = ['p.at = r.at', 'p.seq = r.seq']

/** False where whatever a walk through time meets is what is meant. */
export function isSelective({ own, payload, words }: AuditConditions): boolean {
  return own.length + payload.length > 0 || words !== undefined
}

/**
 * `columns` of every record that matches, each record once. It is looked up by its values rather than
 * met on a walk through time, so that the answer "there is none" comes quickly too. Private values and
 * the words in them are looked up in their own table: an `or` across the two would read both whole.
 */
export function matching(place: Place, columns: string): string {
  const { words, payload } = place.conditions
  const inRecords = payload.length === 0 ? recordsAlone : recordsWithPayloads
  if (words === undefined) return inRecords(place, columns, [])
  return `${inRecords(place, columns, [words.record])}
          union
          ${recordsWithPayloads(place, columns, [words.payload])}`
}

/** As conditions on `records r` that can be asked of one record after the other. */
export function asked({ conditions, window }: Place): string {
  const { own, payload, words } = conditions
  const inPayload = (parts: readonly string[]): string =>
    `exists (select from record_payloads p where ${all([...SAME_RECORD, ...within(window, 'p'), ...parts])})`
  return all([
    ...own,
    ...(payload.length === 0 ? [] : [inPayload(payload)]),
    ...(words === undefined ? [] : [`(${words.record} or ${inPayload([words.payload])})`]),
  ])
}

/** The conditions that an index in the order of time leads through. */
export function leading({ conditions, window, also = [] }: Place): string {
  return all([...conditions.base, ...within(window, 'r'), ...also])
}

/** The record at a place that was found in the same window. */
export function samePlace(found: string, window: AuditWindow): string {
  return all([`r.at = ${found}.at`, `r.seq = ${found}.seq`, ...within(window, 'r')])
}

/** A record's private values. Its window keeps the other months' tables out of the plan. */
export function payloadIn(window: AuditWindow): string {
  return `(select p.payload from record_payloads p where ${all([...SAME_RECORD, ...within(window, 'p')])})`
}

function recordsAlone(place: Place, columns: string, words: readonly string[]): string {
  return `select ${columns}
            from records r
           where ${all([...narrowing(place), ...keyed(place, RECORD_KEYS), ...words])}`
}

function recordsWithPayloads(place: Place, columns: string, words: readonly string[]): string {
  const { conditions, window } = place
  const inPayloads = [...keyed(place, 'p.keys'), ...within(window, 'p'), ...conditions.payload]
  return `select ${columns}
            from records r
            join record_payloads p on ${all(SAME_RECORD)}
           where ${all([...narrowing(place), ...inPayloads, ...words])}`
}

function narrowing({ conditions, window, also = [] }: Place): string[] {
  const { base, lines, own } = conditions
  return [...base, ...within(window, 'r'), ...lines, ...own, ...also]
}

function keyed({ conditions }: Place, column: string): string[] {
  return conditions.keys.map(({ operator, keys }) => `${column} ${operator} ${keys}`)
}

function all(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'true' : conditions.join('\n and ')
}
