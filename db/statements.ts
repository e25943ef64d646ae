import { DateTime } from 'luxon'
import { isUuid, type SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { findSession } from './sessions.ts'
import type { LongValue } from './statement-log.ts'
import {
  ANY_STATEMENT,
  bindingsOf,
  isMeant,
  MATCHING,
  orTooLong,
  SEARCH_DEADLINE_MS,
  SearchTooLong,
  type StatementFilter,
} from './statement-filter.ts'
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

/** Which page of which statements. */
export interface StatementPlace {
  readonly after?: string
  readonly limit?: number
  readonly filter?: StatementFilter
}

const DEFAULT_LIMIT = 100
const LONGEST_PAGE = 1000
/** Candidates of a search that are read at once; a text takes up to 64 kB. */
const BATCH_SIZE = 200

/** As Statement; what a reader of `statements` selects. */
export const STATEMENT_COLUMNS = `
            number, connection_id as connection, text, text_bytes as "textBytes", text_digest as "textDigest",
            bind_values as "values", kind, part, part_of as "partOf", started_at as "startedAt", milliseconds,
            tag, rows, bytes, copy_digest as "copyDigest", sqlstate, message, outcome, transaction,
            rolled_back as "rolledBack"`

/**
 * One page of a session's recording, in the order in which statements began; empty where the scope
 * may not see the session. A cursor that is none of ours begins at the beginning. Errors:
 * `search_too_broad` where a filter finds too little in too much.
 */
export async function listStatements(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
  { after, limit = DEFAULT_LIMIT, filter = ANY_STATEMENT }: StatementPlace = {},
): Promise<StatementPage> {
  if ((await findSession(db, scope, sessionId)) === undefined) return { statements: [] }
  const size = Math.min(Math.max(limit, 1), LONGEST_PAGE)
  const from = after === undefined ? undefined : parseCursor(after)
  const found = await orTooLong(() => search(db, sessionId, { from, size: size + 1, filter }))
  const statements = found.slice(0, size)
  const last = found.length > size ? statements.at(-1) : undefined
  return last === undefined ? { statements } : { statements, next: cursorOf(last) }
}

interface Search {
  readonly from: Cursor | undefined
  readonly size: number
  readonly filter: StatementFilter
}

/** Every statement is one to find, so a plain page is one read; a search may take several. */
function search(db: Db, sessionId: SessionId, sought: Search): Promise<Statement[]> {
  if (sought.filter === ANY_STATEMENT) return readBatch(db, sessionId, sought)
  return db.transaction(async (tx) => {
    await tx.raw(`set local statement_timeout = ${String(SEARCH_DEADLINE_MS)}`)
    return searchOn(tx, sessionId, sought)
  })
}

/** What SQL can't say exactly it offers, and isMeant() chooses. */
async function searchOn(
  tx: Db,
  sessionId: SessionId,
  { from, size, filter }: Search,
): Promise<Statement[]> {
  const until = Date.now() + SEARCH_DEADLINE_MS
  const batch = Math.max(size, BATCH_SIZE)
  const found: Statement[] = []
  for (let cursor = from; ;) {
    const candidates = await readBatch(tx, sessionId, { from: cursor, size: batch, filter })
    found.push(...candidates.filter((statement) => isMeant(statement, filter)))
    const last = candidates.at(-1)
    if (last === undefined || candidates.length < batch || found.length >= size) {
      return found.slice(0, size)
    }
    if (Date.now() > until) throw new SearchTooLong()
    cursor = placeOf(last)
  }
}

async function readBatch(
  db: Db,
  sessionId: SessionId,
  { from, size, filter }: Search,
): Promise<Statement[]> {
  const found = await rows<StatementRead>(
    db,
    `select ${STATEMENT_COLUMNS}
       from statements s
      where session_id = :sessionId
        and (cast(:startedAt as timestamptz) is null
             or (started_at, connection_id, number, part)
                > (cast(:startedAt as timestamptz), cast(:connection as uuid), cast(:number as bigint),
                   cast(:part as integer)))
        and ${MATCHING}
      order by started_at, connection_id, number, part
      limit :size`,
    {
      ...bindingsOf(filter),
      sessionId,
      startedAt: from?.startedAt ?? null,
      connection: from?.connection ?? null,
      number: from?.number ?? null,
      part: from?.part ?? null,
      size,
    },
  )
  return found.map(parseStatement)
}

/** Which statement of which connection, as an address names it. */
export interface StatementAddress {
  readonly connection: string
  readonly number: number
}

/**
 * A statement with so many before and behind it on its connection, in their order; empty where the
 * scope may not see the session, or the statement is not there.
 */
export async function listAround(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
  { connection, number, each }: StatementAddress & { readonly each: number },
): Promise<Statement[]> {
  if ((await findSession(db, scope, sessionId)) === undefined) return []
  const found = await rows<StatementRead>(
    db,
    `select ${STATEMENT_COLUMNS}
       from statements
      where session_id = :sessionId
        and connection_id = cast(:connection as uuid)
        and number between cast(:number as bigint) - :each and cast(:number as bigint) + :each
      order by number, part, started_at`,
    { sessionId, connection, number, each },
  )
  const around = found.map(parseStatement)
  return around.some((statement) => statement.number === number) ? around : []
}

/** PostgreSQL's bigint arrives as text; none of these outgrows a double. */
type Counted = 'number' | 'textBytes' | 'partOf' | 'rows' | 'bytes'
export type StatementRead = Omit<Statement, Counted> & {
  readonly number: string
  readonly textBytes: string
  readonly partOf: string
  readonly rows: string | null
  readonly bytes: string | null
}

/** A row of STATEMENT_COLUMNS. */
export function parseStatement(row: StatementRead): Statement {
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

/** The cursor of the page that begins behind a statement. */
function cursorOf(statement: Statement): string {
  const { startedAt, connection, number, part } = placeOf(statement)
  return Buffer.from([startedAt, connection, number, part].join(' ')).toString('base64url')
}

/** The cursor of the page that begins with a statement. */
export function cursorTo(statement: Statement): string {
  return cursorOf({ ...statement, part: statement.part - 1 })
}

function placeOf({ startedAt, connection, number, part }: Statement): Cursor {
  return { startedAt: iso(startedAt), connection, number: String(number), part: String(part) }
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
