import { rows, type Db } from './store.ts'

/** A value too long to keep: its beginning, and what proves the rest. */
export interface LongValue {
  readonly text: string
  readonly bytes: number
  readonly sha256: string | null
}

/** One executed statement as the recorder hands it over; absent answers are null. */
export interface StatementRow {
  readonly sessionId: string
  readonly organizationId: string
  readonly connectionId: string
  /** Counts the statements of a connection from 1. */
  readonly number: number
  readonly part: number
  readonly partOf: number
  readonly kind: string
  readonly text: string
  /** Length of the whole text; more than the text's where only its beginning was kept. */
  readonly textBytes: number
  readonly textDigest: string | null
  readonly values: readonly (string | null | LongValue)[]
  readonly statementName: string | null
  readonly portalName: string | null
  /** Milliseconds since 1970; whole ones count. */
  readonly startedAt: number
  readonly milliseconds: number | null
  readonly tag: string | null
  readonly rows: number | null
  readonly bytes: number | null
  readonly copyDigest: string | null
  readonly sqlstate: string | null
  readonly message: string | null
  readonly outcome: string
  readonly transaction: string | null
  readonly rolledBack: boolean
}

/** PostgreSQL's text and jsonb know no NUL; it is shown as Unicode shows it. */
const NUL = /\0/g
const SHOWN_NUL = '\u2400'

/** Which statement of which connection. */
export type StatementPlace = Pick<StatementRow, 'connectionId' | 'number'>

/**
 * Appends a batch in one statement. What is there already stays: shipping twice doubles nothing.
 * Returns what was not there.
 */
export async function appendStatements(
  db: Db,
  batch: readonly StatementRow[],
): Promise<StatementPlace[]> {
  const appended = await rows<{ connectionId: string; number: string }>(
    db,
    `insert into statements (session_id, organization_id, connection_id, number, part, part_of, kind, text,
                             text_bytes, text_digest, bind_values, statement_name, portal_name, started_at,
                             milliseconds, tag, rows, bytes, copy_digest, sqlstate, message, outcome,
                             transaction, rolled_back)
     select "sessionId", "organizationId", "connectionId", number, part, "partOf", kind, text,
            "textBytes", "textDigest", "values", "statementName", "portalName", "startedAt",
            milliseconds, tag, rows, bytes, "copyDigest", sqlstate, message, outcome,
            transaction, "rolledBack"
       from json_to_recordset(cast(:batch as json)) as batch (
              "sessionId" bigint, "organizationId" uuid, "connectionId" uuid, number bigint, part integer,
              "partOf" bigint, kind text, text text, "textBytes" bigint, "textDigest" text, "values" jsonb,
              "statementName" text, "portalName" text, "startedAt" timestamptz(3),
              milliseconds double precision, tag text, rows bigint, bytes bigint, "copyDigest" text,
              sqlstate text, message text, outcome text, transaction text, "rolledBack" boolean)
         on conflict (session_id, started_at, connection_id, number, part) do nothing
  returning connection_id as "connectionId", number`,
    { batch: JSON.stringify(batch.map(printable), showNul) },
  )
  return appended.map(({ connectionId, number }) => ({ connectionId, number: Number(number) }))
}

/** A row as JSON may say it. */
export function printable(row: StatementRow): object {
  return { ...row, startedAt: new Date(row.startedAt).toISOString() }
}

/** Which connection of which session. */
export interface ConnectionOfSession {
  readonly id: string
  readonly session: string
}

/** The number of the newest statement that is known of each of these connections; absent without one. */
export async function highestNumbers(
  db: Db,
  connections: readonly ConnectionOfSession[],
): Promise<ReadonlyMap<string, number>> {
  const found = await rows<{ connection: string; number: string }>(
    db,
    `select connection_id as connection, max(number) as number
       from statements
      where session_id = any (cast(:sessions as bigint[]))
        and connection_id = any (cast(:connections as uuid[]))
      group by connection_id`,
    {
      sessions: connections.map(({ session }) => session),
      connections: connections.map(({ id }) => id),
    },
  )
  return new Map(found.map(({ connection, number }) => [connection, Number(number)]))
}

/** The values as the store keeps them, in JSON. */
export function bindValuesText(values: StatementRow['values']): string {
  if (values.length === 0) return '[]'
  const text = JSON.stringify(values)
  // a call for every value costs more than all the rest
  return text.includes('\\u0000') ? JSON.stringify(values, showNul) : text
}

function showNul(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replace(NUL, SHOWN_NUL) : value
}
