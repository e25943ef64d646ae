import pg from 'pg'
import { EmbeddedPostgres, type Home } from '../db/embedded.ts'
import { makeVerifier } from '../lib/scram.ts'
import type { Keys } from './home-file.ts'
import path from 'node:path'

const OWNER = 'daypass_owner'
const DATABASE = 'daypass'
const CONNECT_DEADLINE_MS = 10_000

/** The embedded store, running, with the login that owns its tables. */
export interface EmbeddedStore {
  readonly server: EmbeddedPostgres
  readonly ownerUrl: string
}

/** Starts the store's own cluster and sees to its database and owner login. */
export async function startEmbeddedStore(home: Home, keys: Keys): Promise<EmbeddedStore> {
  const server = await new EmbeddedPostgres({
    dir: path.join(home.dir, 'store'),
    password: keys.storePassword,
    binDir: home.binDir,
    ...(home.runAs === undefined ? {} : { runAs: home.runAs }),
  }).start()
  await provideOwner(server, keys.ownerPassword)
  return {
    server,
    ownerUrl: server.url({ database: DATABASE, user: OWNER, password: keys.ownerPassword }),
  }
}

async function provideOwner(server: EmbeddedPostgres, password: string): Promise<void> {
  await withClient(server.url(), async (client) => {
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [OWNER])
    if (rowCount === 0) {
      const verifier = await makeVerifier(password)
      await client.query(`create role ${OWNER} login createrole password '${verifier}'`)
    }
    const found = await client.query('select from pg_database where datname = $1', [DATABASE])
    if (found.rowCount === 0) await client.query(`create database ${DATABASE} owner ${OWNER}`)
    // session users live on another server; nobody without a login of ours has business here
    await client.query(`revoke all on database ${DATABASE} from public`)
    await client.query(`grant connect on database ${DATABASE} to public`)
  })
}

/** Runs work on one connection and closes it, whatever happens. */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    application_name: 'daypass setup',
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
