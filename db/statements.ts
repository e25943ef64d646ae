import { DateTime } from 'luxon'
import { isUuid, type SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { findSession } from './sessions.ts'
import type { LongValue } from './statement-log.ts'
import { iso, rows, type Db } from './store.ts'

/** One executed statement of a session's recording, as readers see it. */
export interface Statement {
  /** Counts the statements of its connection from 1. */
  readonly number: number
  /** The id of its connection. */
  readonly connection: string
  /** Without passwords; only the beginning where `textBytes` says that there was more. */
  readonly text: string
  readonly textBytes: number
  readonly textDigest: string | null
  /** In order; a value too long to keep is its beginning with length and digest. */
  readonly values: readonly (string | null | LongValue)[]
  readonly kind: string
  /** Place among the statements of one simple query, and the number of the first of them. */
  readonly part: number
  readonly partOf: number
  readonly startedAt: DateTime<true>
  readonly milliseconds: number | null
  readonly tag: string | null
  readonly rows: number | null
  readonly bytes: number | null
  readonly copyDigest: string | null
  readonly sqlstate: string | null
  readonly message: string | null
  readonly outcome: 'ok' | 'error' | 'skipped' | 'aborted' | 'unknown'
  /** After the batch it was part of: I idle, T in a transaction, E in a failed one. */
  readonly transaction: string | null
  readonly rolledBack: boolean
}

export interface StatementPage {
  readonly statements: readonly Statement[]
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string
}

const DEFAULT_LIMIT = 100
const LONGEST_PAGE = 1000

/**
 * One page of a session's recording, in the order in which statements began; empty where the scope
 * may not see the session. A cursor that is none of ours begins at the beginning.
 */
export async function listStatements(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
  { after, limit = DEFAULT_LIMIT }: { readonly after?: string; readonly limit?: number } = {},
): Promise<StatementPage> {
  if ((await findSession(db, scope, sessionId)) === undefined) return { statements: [] }
  const size = Math.min(Math.max(limit, 1), LONGEST_PAGE)
  const cursor = after === undefined ? undefined : parseCursor(after)
  const found = await rows<StatementRead>(
    db,
    `select number, connection_id as connection, text, text_bytes as "textBytes", text_digest as "textDigest",
            bind_values as "values", kind, part, part_of as "partOf", started_at as "startedAt", milliseconds,
            tag, rows, bytes, copy_digest as "copyDigest", sqlstate, message, outcome, transaction,
            rolled_back as "rolledBack"
       from statements
      where session_id = :sessionId
        and (cast(:startedAt as timestamptz) is null
             or (started_at, connection_id, number, part)
                > (cast(:startedAt as timestamptz), cast(:connection as uuid), cast(:number as bigint),
                   cast(:part as integer)))
      order by started_at, connection_id, number, part
      limit :limit`,
    {
      sessionId,
      startedAt: cursor?.startedAt ?? null,
      connection: cursor?.connection ?? null,
      number: cursor?.number ?? null,
      part: cursor?.part ?? null,
      limit: size + 1,
    },
  )
  const statements = found.slice(0, size).map(parseRow)
  const last = found.length > size ? statements.at(-1) : undefined
  return last === undefined ? { statements } : { statements, next: cursorOf(last) }
}

/** PostgreSQL's bigint arrives as text; none of these outgrows a double. */
type Counted = 'number' | 'textBytes' | 'partOf' | 'rows' | 'bytes'
type StatementRead = Omit<Statement, Counted> & {
  readonly number: string
  readonly textBytes: string
  readonly partOf: string
  readonly rows: string | null
  readonly bytes: string | null
}

function parseRow(row: StatementRead): Statement {
  return {
    ...row,
    number: Number(row.number),
    textBytes: Number(row.textBytes),
    partOf: Number(row.partOf),
    rows: row.rows === null ? null : Number(row.rows),
    bytes: row.bytes === null ? null : Number(row.bytes),
  }
}

interface Cursor {
  readonly startedAt: string
  readonly connection: string
  readonly number: string
  readonly part: string
}

function cursorOf({ startedAt, connection, number, part }: Statement): string {
  const place = [iso(startedAt), connection, number, part].join(' ')
  return Buffer.from(place).toString('base64url')
}

/** True for the `next` of a page. */
export function isStatementCursor(text: string): boolean {
  return parseCursor(text) !== undefined
}

const DIGITS = /^[0-9]{1,15}$/

function parseCursor(text: string): Cursor | undefined {
  const place = Buffer.from(text, 'base64url').toString().split(' ')
  const [startedAt = '', connection = '', number = '', part = ''] = place
  const at = DateTime.fromISO(startedAt, { zone: 'utc' })
  if (!at.isValid || !isUuid(connection)) return undefined
  if (!DIGITS.test(number) || !/^[0-9]{1,9}$/.test(part)) return undefined
  return { startedAt: iso(at), connection, number, part }
}
