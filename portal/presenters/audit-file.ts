import { DateTime } from 'luxon'
import type { AuditRecord } from '../../db/audit-record.ts'
import { presentRecordJson } from './audit-json.ts'
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
  yield `${headLines(head).map(visible).join('\n')}\n\n`
  yield tableLine(columns.map(({ heading }) => heading))
  for await (const batch of batches) {
    yield batch.map((record) => tableLine(columns.map(({ value }) => value(record)))).join('')
  }
}

/** A file of JSON lines for programs: the API's record, and the canonical bytes it was read from. */
export async function* jsonLines(batches: Batches): AsyncGenerator<string, void, undefined> {
  for await (const batch of batches) {
    yield batch
      .map((record) => `${JSON.stringify({ ...presentRecordJson(record), body: record.bytes })}\n`)
      .join('')
  }
}

/** `daypass-audit-20261123T100000Z-audrey.csv` */
export function fileName({ by, at }: FileHead, extension: string): string {
  return `daypass-audit-${at.toUTC().toFormat("yyyyLLdd'T'HHmmss'Z'")}-${by}.${extension}`
}

function headLines({ by, at, zone, filters, count }: FileHead): string[] {
  const local = at.setZone(zone)
  return [
    'Daypass audit records',
    `Downloaded by: ${by}`,
    `Downloaded at: ${local.toFormat('yyyy-LL-dd HH:mm:ss')} ${offsetText(local)} (${at.toUTC().toISO()})`,
    `Time zone: ${zone}, ${offsetText(local)} (Central Manager)`,
    `Filters: ${filters}`,
    `Records: ${count}`,
  ]
}

/** One line a record whatever its texts hold: a bar in one of them can't pass for a column's end. */
function tableLine(cells: readonly string[]): string {
  return `${cells.map((cell) => visible(cell).replaceAll('|', '\\|')).join(' | ')}\n`
}
