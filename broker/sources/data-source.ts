import type { KeyObject } from 'node:crypto'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { sentenceOf } from '../../lib/errors.ts'
import type { Log } from '../../lib/log.ts'
import { open } from '../../lib/seal.ts'
import {
  aboutAdminUrl,
  findDataSource,
  findSealedAdminUrl,
  type DataSource,
} from '../../db/data-sources.ts'
import type { Store } from '../../db/store.ts'
import { within } from './deadline.ts'
import { DataSourceError } from '../errors.ts'
import type { Keepable, KeptConnections } from './kept-connections.ts'
import { laneOf, type LaneKind } from '../scheduling/lanes.ts'
import { BROKER } from '../sessions/moves.ts'
import type { Reached } from '../scheduling/steps.ts'

/** What it takes to reach data sources: the store, and the key their admin logins are sealed to. */
export interface BrokerDeps {
  readonly store: Store
  readonly key: KeyObject
  readonly log: Log
  /** Told of each step of a grant and a removal. */
  readonly reached: Reached
  /** Absent: every connection is closed after its work. */
  readonly kept?: KeptConnections<AdminConnection>
}

/** A live connection to one database of a data source, under the admin login. */
export interface Target {
  readonly client: pg.Client
  readonly dataSource: DataSource
  /** server_version_num: 160003 for 16.3. */
  readonly version: number
  /** The one it is connected to. */
  readonly database: string
  /** The name of the admin login. */
  readonly login: string
  /** Breaks the connection: what still waits on it fails, and nothing new is done over it. */
  abandon(): void
}

/** From 16 on, memberships say whether they inherit and whether SET ROLE may use them. */
export const VERSION_16 = 160_000
const OLDEST_VERSION = 150_000

/** Scheme, login and server; then the database. */
const ADDRESS = /^([^:/]+:\/\/[^/]*)(?:\/.*)?$/

/**
 * Whoever may create in a schema on the path can plant a function that fits our arguments better than
 * PostgreSQL's own, and it would run as the admin login (PostgreSQL, 5.10.6 and 10.3). And a database
 * that somebody sets read-only by default must not keep the users of sessions that are over. Compiling
 * a question about roles takes a second, and answering it milliseconds.
 */
const SETTINGS_OF_OURS =
  '-c search_path=pg_catalog,pg_temp -c default_transaction_read_only=off -c jit=off'

const CONNECT_DEADLINE_MS = 5_000
const STATEMENT_DEADLINE_MS = 10_000
/** Shorter than the statement's: who waits for a lock says so instead of timing out in silence. */
const LOCK_DEADLINE_MS = 2_000
/**
 * A broker that freezes in a transaction holds its session's lock no longer than its claim; see
 * CLAIM_SECONDS.
 */
const IDLE_IN_TRANSACTION_MS = 3_000
const GOODBYE_MS = 1_000

/** How to work on a data source. */
export interface Visit {
  /** Another than the admin login's own. */
  readonly database?: string | undefined
  /** After which the connection is closed, whatever is under way; absent: each call's own deadline is enough. */
  readonly deadlineMs?: number
}

/** Where and as whom to connect. */
export interface AdminAddress {
  readonly dataSource: DataSource
  readonly url: string
}

/**
 * Runs work on a data source, and closes the connection whatever happens unless its lane keeps it.
 * Errors: `data_source_unreachable`, `data_source_read_only`, `data_source_too_old`, `overdue`, and
 * whatever work throws.
 */
export async function onDataSource<T>(
  deps: BrokerDeps,
  dataSourceId: string,
  work: (target: Target) => Promise<T>,
  how: Visit & { readonly lane?: LaneKind } = {},
): Promise<T> {
  const [dataSource, sealed] = await Promise.all([
    getDataSource(deps.store, dataSourceId),
    getSealedAdminUrl(deps, dataSourceId),
  ])
  const url = open(deps.key, sealed, aboutAdminUrl(dataSourceId))
  const { lane, ...visit } = how
  if (lane === undefined || deps.kept === undefined) {
    return onAddress({ dataSource, url, ...visit }, work)
  }
  const address = JSON.stringify([dataSource, sealed.toString('base64'), visit.database])
  const dialled = { address, dial: () => dial({ dataSource, url, ...visit }) }
  return deps.kept.use(laneOf(lane, dataSourceId), dialled, ({ target }) =>
    inTime(target, visit, work),
  )
}

/** As onDataSource, for one who holds the admin URL in clear because it was typed just now. */
export async function onAddress<T>(
  address: AdminAddress & Visit,
  work: (target: Target) => Promise<T>,
): Promise<T> {
  const connection = await dial(address)
  try {
    return await inTime(connection.target, address, work)
  } finally {
    await connection.close()
  }
}

/** A connection and how to be rid of it. */
export interface AdminConnection extends Keepable {
  readonly target: Target
}

async function dial({ dataSource, url, database }: AdminAddress & Visit): Promise<AdminConnection> {
  // the socket is ours, so that a server which never answers can't keep the connection open
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: addressOf(url, database),
    ssl: tlsOf(dataSource),
    stream: () => socket,
    application_name: 'daypass broker',
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    statement_timeout: STATEMENT_DEADLINE_MS,
    query_timeout: STATEMENT_DEADLINE_MS + GOODBYE_MS,
    lock_timeout: LOCK_DEADLINE_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    options: SETTINGS_OF_OURS,
  })
  // a connection that breaks between two statements shows at the next one
  client.on('error', () => undefined)
  const close = (): Promise<void> => goodbye(client, socket)
  try {
    const server = await connect(client, dataSource)
    const target = { client, dataSource, ...server, abandon: () => void socket.destroy() }
    return { target, close, isAlive: () => isAlive(target) }
  } catch (error) {
    await close()
    throw error
  }
}

function inTime<T>(
  target: Target,
  { deadlineMs }: Visit,
  work: (target: Target) => Promise<T>,
): Promise<T> {
  if (deadlineMs === undefined) return work(target)
  return within(deadlineMs, `Work on ${target.dataSource.name}`, () => work(target))
}

/** What a PostgreSQL server answered with; undefined where something else went wrong. */
export function serverErrorIn(error: unknown): pg.DatabaseError | undefined {
  return error instanceof pg.DatabaseError ? error : undefined
}

/** False where the connection broke or the server stopped answering. */
export async function isAlive({ client }: Target): Promise<boolean> {
  try {
    const answer = client.query('select 1').then(() => true)
    return await Promise.race([answer, sleep(GOODBYE_MS, false, { ref: false })])
  } catch {
    return false
  }
}

/** A data source that must be there, because a session names it. */
export async function getDataSource(store: Store, id: string): Promise<DataSource> {
  const dataSource = await findDataSource(store.db, BROKER, id)
  if (dataSource === undefined) throw new Error(`data source ${id} has vanished`)
  return dataSource
}

async function connect(
  client: pg.Client,
  dataSource: DataSource,
): Promise<Pick<Target, 'version' | 'database' | 'login'>> {
  const { version, database, login } = await findServer(client, dataSource)
  if (version < OLDEST_VERSION) {
    throw new DataSourceError(
      'data_source_too_old',
      `${dataSource.name} runs PostgreSQL ${String(Math.floor(version / 10_000))}: 15 or newer is needed.`,
    )
  }
  return { version, database, login }
}

interface ServerFacts {
  readonly version: number
  readonly standby: boolean
  readonly database: string
  readonly login: string
}

async function findServer(client: pg.Client, { name }: DataSource): Promise<ServerFacts> {
  let facts: ServerFacts | undefined
  try {
    await client.connect()
    const found = await client.query<ServerFacts>(
      `select cast(current_setting('server_version_num') as integer) as version,
              pg_is_in_recovery() as standby, current_database() as database, current_user as login`,
    )
    facts = found.rows[0]
  } catch (cause) {
    throw new DataSourceError(
      'data_source_unreachable',
      `${name} can't be reached: ${sentenceOf(cause)}`,
      cause,
    )
  }
  // what a standby lacks may exist on its primary: nothing may be concluded from it
  if (facts === undefined) throw new Error('a select without a row')
  if (facts.standby) {
    throw new DataSourceError(
      'data_source_read_only',
      `${name} answered as a standby: point its admin login at the primary.`,
    )
  }
  return facts
}

/** The admin login of a data source, in clear: never logged, never kept. */
export async function openAdminUrl(
  { store, key }: Pick<BrokerDeps, 'store' | 'key'>,
  dataSourceId: string,
): Promise<string> {
  const sealed = await getSealedAdminUrl({ store }, dataSourceId)
  return open(key, sealed, aboutAdminUrl(dataSourceId))
}

async function getSealedAdminUrl(
  { store }: Pick<BrokerDeps, 'store'>,
  dataSourceId: string,
): Promise<Buffer> {
  const sealed = await findSealedAdminUrl(store.db, BROKER, dataSourceId)
  if (sealed === undefined) throw new Error(`data source ${dataSourceId} has no admin login`)
  return sealed
}

/**
 * Only where the server is counts of an address: the mode kept with the data source decides about
 * TLS, and the deadlines here are not the address's to lift.
 */
function addressOf(url: string, database: string | undefined): string {
  const [address = '', query] = url.split('?')
  const host = new URLSearchParams(query).get('host')
  // an address names its database last, and wins over any set beside it
  const there =
    database === undefined
      ? address
      : address.replace(ADDRESS, (_, server: string) => `${server}/${encodeURIComponent(database)}`)
  return host === null ? there : `${there}?host=${encodeURIComponent(host)}`
}

function tlsOf({ tlsMode, tlsCa }: DataSource): false | ConnectionOptions {
  const ca = tlsCa === null ? {} : { ca: tlsCa }
  switch (tlsMode) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { ...ca, checkServerIdentity: () => undefined }
    case 'verify-full':
      return ca
  }
}

async function goodbye(client: pg.Client, socket: Socket): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), GOODBYE_MS)
  try {
    if (!socket.destroyed) await client.end()
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}
