import { createHash } from 'node:crypto'
import { Socket } from 'node:net'
import knex, { type Knex } from 'knex'
import { DateTime, FixedOffsetZone } from 'luxon'
import pg from 'pg'
import { AppError, sentenceOf } from '../lib/errors.ts'
import { storable } from './canonical.ts'
import { endWhenSilent } from './silence.ts'

/** A pool or an open transaction of the store: where SQL may run. */
export type Db = Knex
export type Transaction = Knex.Transaction

/** The store as one part sees it, under that part's login. */
export interface Store {
  readonly db: Db
  /** The address it was opened with; listeners dial it again. Holds a password: never logged. */
  readonly url: string
  /** Runs work in one transaction: all of it lands or none of it. */
  change<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** The store can't be reached or doesn't let us in. */
export class StoreUnreachable extends AppError {
  constructor(cause: unknown) {
    super('store_unreachable', `The store can't be reached: ${sentenceOf(cause)}`, { cause })
  }
}

/** How long a statement on the store may run before it is given up, in milliseconds. */
const STATEMENT_DEADLINE_MS = 30_000
/** By then the store has said that it gave a statement up; if it has not, it is not there. */
const SILENCE_BEYOND_MS = 2_000
const CONNECT_DEADLINE_MS = 5_000
const ACQUIRE_DEADLINE_MS = 10_000
/** How long a process that froze in the middle of a transaction may keep others waiting for its locks. */
const FROZEN_MS = 10_000
/** As long as a broker's claim on a job; see CLAIM_SECONDS. */
const IDLE_IN_TRANSACTION_MS = 3_000
const POOL_SIZE = 10
/** Looks while a statement runs (manual, "client_connection_check_interval"). */
const NOTICES_OUR_END = '-c client_connection_check_interval=2s'

/** PostgreSQL's type OIDs (pg_type.dat) that we read in our own way. */
const TIMESTAMPTZ = 1184
/** query_canceled, which a statement_timeout raises (errcodes.txt). */
const QUERY_CANCELED = '57014'

/** As PostgreSQL writes one. To have luxon read any kind of text takes twenty times as long. */
const INSTANT = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)([+-]\d\d)(?::?(\d\d))?$/
const UTC = { zone: FixedOffsetZone.utcInstance }

const NAMES = new Map<string, string>()

const TYPES = new pg.TypeOverrides()
TYPES.setTypeParser(TIMESTAMPTZ, parseInstant)

/**
 * Opens a pool on the store; nothing is dialled until the first statement. A statement is given up
 * after `deadlineMs`, by the store itself or, soon after, by us; a transaction in which nothing was
 * asked for `frozenMs` is ended by the store (manual, "idle_in_transaction_session_timeout").
 */
export function openStore(
  url: string,
  {
    poolSize = POOL_SIZE,
    deadlineMs = STATEMENT_DEADLINE_MS,
    frozenMs = FROZEN_MS,
    options = '',
  } = {},
): Store {
  const db = knex({
    client: 'pg',
    connection: {
      connectionString: url,
      types: {
        getTypeParser: (oid: number, format?: string) =>
          TYPES.getTypeParser(oid, format === 'binary' ? 'binary' : 'text'),
      },
      application_name: 'daypass',
      options,
      statement_timeout: deadlineMs,
      idle_in_transaction_session_timeout: frozenMs,
      connectionTimeoutMillis: CONNECT_DEADLINE_MS,
      keepAlive: true,
    },
    pool: {
      min: 0,
      max: poolSize,
      afterCreate: ({ connection: { stream } }: pg.Client, done: () => void) => {
        if (stream instanceof Socket) endWhenSilent(stream, deadlineMs + SILENCE_BEYOND_MS)
        done()
      },
    },
    log: QUIET,
    acquireConnectionTimeout: ACQUIRE_DEADLINE_MS,
  })
  // an idle connection that dies with the server is replaced at its next use, not an outage
  db.on('error', () => undefined)
  return {
    db,
    url,
    change: (work) => db.transaction(work),
    close: () => db.destroy(),
  }
}

/**
 * Does what takes longer than a page may wait for, over a connection of its own that is closed behind it: a
 * pool's connections are broken off when they have been silent for longer than its statements may take. Where
 * we are gone before it is done, the store gives it up and its locks with it.
 */
export async function unhurried<T>(
  { url }: Pick<Store, 'url'>,
  limits: { readonly deadlineMs: number; readonly frozenMs?: number },
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = openStore(url, { ...limits, poolSize: 1, options: NOTICES_OUR_END })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** What knex would print by itself reaches callers as errors. */
export const QUIET = {
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
  deprecate: () => undefined,
}

type Bindings = Readonly<Record<string, unknown>>

/** Every row of one statement. Row names the columns selected; the SQL beside the call is its proof. */
export async function rows<Row>(db: Db, sql: string, bindings: Bindings = {}): Promise<Row[]> {
  for (const value of Object.values(bindings)) refuseUnstorable(value)
  const result = await db.raw<{ rows: Row[] }>(sql, { ...bindings })
  return result.rows
}

/**
 * As rows, and planned once per connection instead of every time: for long statements that are asked
 * again and again, and whose best plan does not hang on their values.
 */
export async function preparedRows<Row>(
  db: Db,
  sql: string,
  bindings: Bindings = {},
): Promise<Row[]> {
  for (const value of Object.values(bindings)) refuseUnstorable(value)
  const statement = db.raw<{ rows: Row[] }>(sql, { ...bindings }).options({ name: nameOf(sql) })
  const result = await statement
  return result.rows
}

/** The first row of one statement, if there is one. */
export async function findRow<Row>(
  db: Db,
  sql: string,
  bindings: Bindings = {},
): Promise<Row | undefined> {
  return (await rows<Row>(db, sql, bindings))[0]
}

/** The row of a statement that always yields one. */
export async function getRow<Row>(db: Db, sql: string, bindings: Bindings = {}): Promise<Row> {
  const row = await findRow<Row>(db, sql, bindings)
  if (row === undefined) throw new Error('a statement that always yields a row yielded none')
  return row
}

/**
 * This moment by the store's clock, in whole milliseconds. Ask *after* taking a row lock: the
 * transaction's own now() is from before the wait, and records would stand in the wrong order.
 */
export async function storeTime(db: Db): Promise<DateTime<true>> {
  const { at } = await getRow<{ at: DateTime<true> }>(
    db,
    `select date_trunc('milliseconds', clock_timestamp()) as at`,
  )
  return at
}

/**
 * For the rest of a transaction, gives up waiting for any one lock after so many milliseconds; and
 * the server ends it where its process freezes in the middle, so that nobody waits for its locks.
 */
export async function waitAtMost(tx: Transaction, milliseconds: number): Promise<void> {
  await rows(tx, PATIENCE, patienceOf(milliseconds))
}

/** The statement of waitAtMost, to be part of another. */
export const PATIENCE = `
            select set_config('lock_timeout', :milliseconds, true) as waits,
                   set_config('idle_in_transaction_session_timeout', :idle, true) as idles`

/** What it binds. */
export function patienceOf(milliseconds: number): Bindings {
  return { milliseconds: String(milliseconds), idle: String(IDLE_IN_TRANSACTION_MS) }
}

/** How a value of this type is read, as PostgreSQL writes it. */
export function typeParser(oid: number): (text: string) => unknown {
  const parse: unknown = TYPES.getTypeParser(oid, 'text')
  return parse as (text: string) => unknown
}

/** An instant as PostgreSQL is told it: ISO-8601, UTC, milliseconds. */
export function iso(at: DateTime<true>): string {
  // what luxon writes too, in a fraction of the time: a file has millions of them
  return new Date(at.toMillis()).toISOString()
}

/** True where the error is the violation of the constraint so named. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.constraint === constraint
}

/** True where a statement was given up because its deadline passed. */
export function isOverdue(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === QUERY_CANCELED
}

/** The same text has the same name everywhere, and no other has it. */
export function nameOf(sql: string): string {
  const known = NAMES.get(sql)
  if (known !== undefined) return known
  const name = `daypass_${createHash('sha256').update(sql).digest('hex').slice(0, 32)}`
  NAMES.set(sql, name)
  return name
}

/** PostgreSQL takes no NUL, and would keep half a character as another one. Errors: `text_not_storable`. */
function refuseUnstorable(value: unknown): void {
  if (typeof value === 'string') storable(value)
  else if (Array.isArray(value)) value.forEach(refuseUnstorable)
}

function parseInstant(text: string): DateTime<true> {
  const [, day, time, hours, minutes = '00'] = INSTANT.exec(text) ?? []
  const instant = DateTime.fromMillis(
    Date.parse(`${day ?? ''}T${time ?? ''}${hours ?? ''}:${minutes}`),
    UTC,
  )
  if (!instant.isValid) throw new Error(`not an instant: ${text}`)
  return instant
}
