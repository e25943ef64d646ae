import { DateTime } from 'luxon'
import type { AuditRecord } from '../../db/audit-record.ts'
import { iso } from '../../db/store.ts'
import { presentRecordJson, type RecordJson } from './audit-json.ts'
import type { AuditColumn } from './audit-columns.ts'
import { visible } from './visible.ts'
import { offsetText } from './zones.ts'

/** What a file says of itself before its records. */
export interface FileHead {
  readonly by: string
  readonly at: DateTime<true>
  /** Central Manager's: an IANA name. */
  readonly zone: string
  readonly filters: string
  /** Exactly as many records as follow. */
  readonly count: number
}

type Batches = AsyncIterable<readonly AuditRecord[]>

/** A text file for people: what it holds, then a table with ` | ` between its columns. */
export async function* textFile(
  batches: Batches,
  head: FileHead,
  columns: readonly AuditColumn[],
): AsyncGenerator<string, void, undefined> {
  const said = headLines(head).map((cells) => visible(cells.join(': ')))
  yield `${said.join('\n')}\n\n`
  yield tableLine(columns.map(({ heading }) => heading))
  for await (const batch of batches) {
    yield batch.map((record) => tableLine(columns.map(({ value }) => value(record)))).join('')
  }
}

/**
 * A file of JSON lines for programs: the API's record, and the canonical bytes it was read from. Before them,
 * where it is given, a line of what the file says of itself.
 */
export async function* jsonLines(
  batches: Batches,
  head?: FileHead,
): AsyncGenerator<string, void, undefined> {
  if (head !== undefined) yield `${JSON.stringify({ head: headJson(head) })}\n`
  for await (const batch of batches) {
    yield batch.map((record) => `${JSON.stringify(presentLine(record))}\n`).join('')
  }
}

/** Not spread into a new object: V8 keeps each of those until its great collection, some 100 MB of them. */
function presentLine(record: AuditRecord): RecordJson & { readonly body: string } {
  return Object.assign(presentRecordJson(record), { body: record.bytes })
}

/** `daypass-audit-20261123T100000Z-audrey.csv` */
export function fileName({ by, at }: FileHead, extension: string): string {
  return `daypass-audit-${at.toUTC().toFormat("yyyyLLdd'T'HHmmss'Z'")}-${by}.${extension}`
}

/** What a file says of itself to people: a title, then names and values. */
export function headLines({ by, at, zone, filters, count }: FileHead): string[][] {
  const local = at.setZone(zone)
  const offset = offsetText(local)
  return [
    ['Daypass audit records'],
    ['Downloaded by', by],
    ['Downloaded at', `${local.toFormat('yyyy-LL-dd HH:mm:ss')} ${offset} (${iso(at)})`],
    ['Time zone', `${zone}, ${offset} (Central Manager)`],
    ['Filters', filters],
    ['Records', String(count)],
  ]
}

function headJson({ by, at, zone, filters, count }: FileHead): Readonly<Record<string, unknown>> {
  return { by, at: iso(at), timeZone: zone, filters, records: count }
}

/** One line a record whatever its texts hold: a bar in one of them can't pass for a column's end. */
function tableLine(cells: readonly string[]): string {
  return `${cells.map((cell) => visible(cell).replaceAll('|', '\\|')).join(' | ')}\n`
}
