import type { KeyObject } from 'node:crypto'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { open } from '../lib/seal.ts'
import {
  aboutAdminUrl,
  findDataSource,
  findSealedAdminUrl,
  type DataSource,
} from '../db/data-sources.ts'
import type { Store } from '../db/store.ts'
import { DataSourceError } from './errors.ts'
import { BROKER } from './moves.ts'

/** What it takes to reach data sources: the store, and the key their admin logins are sealed to. */
export interface BrokerDeps {
  readonly store: Store
  readonly key: KeyObject
  readonly log: Log
}

/** A live connection to one database of a data source, under the admin login. */
export interface Target {
  readonly client: pg.Client
  readonly dataSource: DataSource
  /** server_version_num: 160003 for 16.3. */
  readonly version: number
  /** The one it is connected to. */
  readonly database: string
}

/** From 16 on, memberships say whether they inherit and whether SET ROLE may use them. */
export const VERSION_16 = 160_000
const OLDEST_VERSION = 150_000

/** Scheme, login and server; then the database. */
const ADDRESS = /^([^:/]+:\/\/[^/]*)(?:\/.*)?$/

const CONNECT_DEADLINE_MS = 5_000
const STATEMENT_DEADLINE_MS = 10_000
/** Shorter than the statement's: who waits for a lock says so instead of timing out in silence. */
const LOCK_DEADLINE_MS = 2_000
const GOODBYE_MS = 1_000

interface AdminAddress {
  readonly dataSource: DataSource
  readonly url: string
  readonly database?: string | undefined
}

/**
 * Runs work on a data source and closes the connection whatever happens; `database` names one other
 * than the admin login's own. Errors: `data_source_unreachable`, `data_source_read_only`,
 * `data_source_too_old`, and whatever work throws.
 */
export async function onDataSource<T>(
  deps: BrokerDeps,
  dataSourceId: string,
  work: (target: Target) => Promise<T>,
  { database }: { readonly database?: string } = {},
): Promise<T> {
  const dataSource = await getDataSource(deps.store, dataSourceId)
  const url = await openAdminUrl(deps, dataSourceId)
  return onAddress({ dataSource, url, database }, work)
}

/** As onDataSource, for one who holds the admin URL in clear because it was typed just now. */
export async function onAddress<T>(
  { dataSource, url, database }: AdminAddress,
  work: (target: Target) => Promise<T>,
): Promise<T> {
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
  })
  // a connection that breaks between two statements shows at the next one
  client.on('error', () => undefined)
  try {
    return await work(await connect(client, dataSource))
  } finally {
    await goodbye(client, socket)
  }
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

async function connect(client: pg.Client, dataSource: DataSource): Promise<Target> {
  const { version, database } = await findServer(client, dataSource)
  if (version < OLDEST_VERSION) {
    throw new DataSourceError(
      'data_source_too_old',
      `${dataSource.name} runs PostgreSQL ${String(Math.floor(version / 10_000))}: 15 or newer is needed.`,
    )
  }
  return { client, dataSource, version, database }
}

interface ServerFacts {
  readonly version: number
  readonly standby: boolean
  readonly database: string
}

async function findServer(client: pg.Client, { name }: DataSource): Promise<ServerFacts> {
  let facts: ServerFacts | undefined
  try {
    await client.connect()
    const found = await client.query<ServerFacts>(
      `select cast(current_setting('server_version_num') as integer) as version,
              pg_is_in_recovery() as standby, current_database() as database`,
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

async function openAdminUrl({ store, key }: BrokerDeps, dataSourceId: string): Promise<string> {
  const sealed = await findSealedAdminUrl(store.db, BROKER, dataSourceId)
  if (sealed === undefined) throw new Error(`data source ${dataSourceId} has no admin login`)
  return open(key, sealed, aboutAdminUrl(dataSourceId))
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
