import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { chooseHome, EmbeddedPostgres, freePort } from '../../db/embedded.ts'
import { startInstall, type Install } from './install.ts'

/** Daypass on two servers of one's own, as an operator sets it up: nothing of it is embedded. */
export interface OwnServers {
  readonly store: EmbeddedPostgres
  readonly shop: EmbeddedPostgres
  readonly install: Install
  /** The environment in which the command line acts as a person. */
  as(username: string): Promise<Record<string, string>>
  close(): Promise<void>
}

/** Starts both servers, with another PostgreSQL's programs if told, and Daypass with its demo on them. */
export async function startOnOwnServers(binDir?: string): Promise<OwnServers> {
  const folder = await mkdtemp(path.join(tmpdir(), 'daypass-own-'))
  await chmod(folder, 0o711)
  const home = chooseHome({ dataDir: folder, binDir })
  const start = async (name: string): Promise<EmbeddedPostgres> =>
    new EmbeddedPostgres({
      ...home,
      dir: path.join(home.dir, name),
      port: await freePort(),
      password: randomBytes(12).toString('hex'),
      settings: { fsync: 'off', max_prepared_transactions: '10' },
    }).start()
  const [store, shop] = [await start('store'), await start('shop')]
  await onServer(store.url(), async (client) => {
    // what docs/operations.md asks an administrator for, and nothing more
    await client.query(`create role daypass_owner login createrole password 'owner'`)
    await client.query('create database daypass owner daypass_owner')
  })
  const owner = { database: 'daypass', user: 'daypass_owner', password: 'owner' }
  const install = await startInstall({
    DAYPASS_STORE_URL: store.url(owner),
    DAYPASS_MASTER_KEY: randomBytes(32).toString('base64'),
  })
  return {
    store,
    shop,
    install,
    as: (username) => tokenOf(install, username),
    close: async () => {
      await install.stop()
      await store.stop()
      await shop.stop()
      for (const dir of [folder, home.dir]) await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Runs work on one connection and closes it, whatever happens. */
export async function onServer<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 15_000 })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function tokenOf(install: Install, username: string): Promise<Record<string, string>> {
  const made = await install.cli(['token', 'create', '--user', username, '--name', 'x', '--json'])
  const { token } = JSON.parse(made.stdout) as { token: string }
  return { DAYPASS_URL: install.portalUrl, DAYPASS_TOKEN: token }
}
