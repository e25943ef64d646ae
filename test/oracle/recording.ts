import { createHash } from 'node:crypto'
import { rows, type Db } from '../../db/store.ts'
import type { LongValue } from '../../db/statement-log.ts'

/** One execution as the recording tells of it: the parts of one Query together. */
export interface Recorded {
  readonly user: string
  readonly connection: string
  readonly number: string
  readonly isExtended: boolean
  /** Whole, or where it was too long to keep its length and digest. */
  readonly text: string
  readonly values: readonly (string | null)[]
  readonly outcome: 'ok' | 'error' | 'skipped' | 'aborted' | 'unknown'
  readonly sqlstate: string | null
}

interface Row extends Omit<Recorded, 'values' | 'text'> {
  readonly text: string
  readonly textBytes: string
  readonly textDigest: string | null
  readonly values: readonly (string | null | LongValue)[]
}

/** Values and texts longer than this are compared by length and digest. */
const COMPARED_WHOLE = 512

/** Everything in the store that was recorded of session users. */
export async function readRecording(db: Db): Promise<Recorded[]> {
  const found = await rows<Row>(
    db,
    `select u.username as user, s.connection_id as connection, s.part_of as number, bool_or(s.portal_name is not null) as "isExtended",
            min(s.text) as text, min(s.text_bytes) as "textBytes", min(s.text_digest) as "textDigest",
            (array_agg(s.bind_values order by s.number))[1] as "values",
            (array_agg(s.outcome order by s.outcome = 'error' desc, s.outcome <> 'ok' desc, s.number))[1] as outcome,
            min(s.sqlstate) as sqlstate
       from statements s
       join session_users u on u.session_id = s.session_id
      group by u.username, s.connection_id, s.part_of`,
  )
  return found.map((row) => ({
    ...row,
    text: longer(row.text, Number(row.textBytes), row.textDigest),
    values: row.values.map((value) =>
      value === null || typeof value === 'string'
        ? shortened(value)
        : longer(value.text, value.bytes, value.sha256),
    ),
  }))
}

/** How many rows the recording has. */
export async function countRecording(db: Db): Promise<number> {
  const [row] = await rows<{ count: string }>(db, 'select count(*) from statements')
  return Number(row?.count)
}

/** A value as it is compared. */
export function shortened(value: string | null): string | null {
  if (value === null || value.length <= COMPARED_WHOLE) return value
  const sha256 = createHash('sha256').update(value).digest('hex')
  return `${String(Buffer.byteLength(value))} bytes ${sha256}`
}

function longer(text: string, bytes: number, sha256: string | null): string {
  const isWhole = bytes === Buffer.byteLength(text)
  return isWhole ? (shortened(text) ?? '') : `${String(bytes)} bytes ${sha256 ?? 'without digest'}`
}
