import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { chooseHome, EmbeddedPostgres } from '../../db/embedded.ts'

/** A PostgreSQL server that the tests of one process share. */
export interface TestCluster {
  readonly host: string
  readonly port: number
  superuserUrl(database?: string): string
}

interface Running {
  readonly server: EmbeddedPostgres
  readonly folders: readonly string[]
}

const running = new Map<string, Promise<Running>>()

/** Speed over safety: nobody needs this data after a power cut. Only what is measured pays for it. */
const HASTE =
  process.env['DAYPASS_TEST_DURABLE'] === 'true'
    ? {}
    : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

const SETTINGS = {
  ...HASTE,
  max_connections: '200',
  max_prepared_transactions: '20',
}

const CONNECT_DEADLINE_MS = 20_000

/** The server that plays our own store; started by the first test that asks. */
export function storeCluster(): Promise<TestCluster> {
  return sharedCluster('store')
}

/** A second server that plays the data source people ask for. */
export function dataSourceCluster(): Promise<TestCluster> {
  return sharedCluster('data-source')
}

/** Makes a database, empty or as a copy of a template, and returns its name. */
export async function createDatabase(
  cluster: TestCluster,
  {
    template,
    name = `t_${randomBytes(6).toString('hex')}`,
  }: { template?: string; name?: string } = {},
): Promise<string> {
  const from = template === undefined ? '' : ` template ${pg.escapeIdentifier(template)}`
  await asSuperuser(cluster, `create database ${pg.escapeIdentifier(name)}${from}`)
  return name
}

/** Drops a database, ending whoever is still connected to it. */
export async function dropDatabase(cluster: TestCluster, name: string): Promise<void> {
  await asSuperuser(cluster, `drop database if exists ${pg.escapeIdentifier(name)} with (force)`)
}

/** The folder of one run of tests, which may be several processes; each has servers of its own in it. */
const RUN_FOLDER = 'DAYPASS_TEST_RUN_FOLDER'

export { mochaHooks } from './midnight.ts'

/** Called once a run, before any process of it loads a test. */
export async function mochaGlobalSetup(): Promise<void> {
  process.env[RUN_FOLDER] = await makeFolder(tmpdir())
}

/** Called once a run, when its tests are over and their processes have ended, and their servers with them. */
export async function mochaGlobalTeardown(): Promise<void> {
  await stopClusters()
  const folder = process.env[RUN_FOLDER]
  if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Stops what this process has started and removes its folders. */
export async function stopClusters(): Promise<void> {
  const started = await Promise.allSettled(running.values())
  running.clear()
  const servers = started.filter((start) => start.status === 'fulfilled')
  await Promise.all(servers.map(({ value }) => remove(value)))
}

async function sharedCluster(name: string): Promise<TestCluster> {
  const starting = running.get(name) ?? startCluster(name)
  running.set(name, starting)
  const { server } = await starting
  return {
    host: '127.0.0.1',
    port: server.port,
    superuserUrl: (database = 'postgres') => server.url({ database }),
  }
}

/** The data source alone may be of another major: that is what `npm run majors` is for. */
function binariesOf(name: string): string | undefined {
  const everywhere = process.env['DAYPASS_TEST_PG_BIN']
  return name === 'store' ? everywhere : (process.env['DAYPASS_TEST_SOURCE_BIN'] ?? everywhere)
}

async function startCluster(name: string): Promise<Running> {
  const folder = await makeFolder(process.env[RUN_FOLDER] ?? tmpdir())
  const home = chooseHome({ dataDir: folder, binDir: binariesOf(name) })
  const server = new EmbeddedPostgres({
    ...home,
    dir: join(home.dir, 'cluster'),
    password: randomBytes(12).toString('hex'),
    settings: SETTINGS,
  })
  const cluster = { server, folders: [folder, home.dir] }
  try {
    await server.start()
    return cluster
  } catch (error) {
    await remove(cluster)
    throw error
  }
}

/** As root, PostgreSQL runs as somebody else, who has to pass through. */
async function makeFolder(parent: string): Promise<string> {
  const folder = await mkdtemp(join(parent, 'daypass-test-'))
  await chmod(folder, 0o711)
  return folder
}

async function remove({ server, folders }: Running): Promise<void> {
  await server.stop()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
}

async function asSuperuser(cluster: TestCluster, sql: string): Promise<void> {
  const client = new pg.Client({
    connectionString: cluster.superuserUrl(),
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
  })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
