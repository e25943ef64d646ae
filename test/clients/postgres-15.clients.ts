import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { chooseHome, EmbeddedPostgres } from '../../db/embedded.ts'
import { startInstall, type Install } from '../support/install.ts'

/** Debian's own PostgreSQL 15, from the package postgresql-15. */
const DEBIAN = '/usr/lib/postgresql/15/bin'

describe("on Debian's PostgreSQL 15, as store and as data source", () => {
  let folder: string
  let store: EmbeddedPostgres
  let shop: EmbeddedPostgres
  let install: Install
  let mark: Record<string, string>
  const settings: Record<string, string> = {}

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'daypass-pg15-'))
    await chmod(folder, 0o711)
    const home = chooseHome({ dataDir: folder, binDir: DEBIAN })
    const start = (name: string): Promise<EmbeddedPostgres> =>
      new EmbeddedPostgres({
        ...home,
        dir: path.join(home.dir, name),
        password: randomBytes(12).toString('hex'),
        settings: { fsync: 'off', max_prepared_transactions: '10' },
      }).start()
    store = await start('store')
    shop = await start('shop')
    await onServer(store.url(), async (client) => {
      // what docs/operations.md asks an administrator for, and nothing more
      await client.query(`create role daypass_owner login createrole password 'owner'`)
      await client.query('create database daypass owner daypass_owner')
    })
    settings['DAYPASS_STORE_URL'] = store.url({
      database: 'daypass',
      user: 'daypass_owner',
      password: 'owner',
    })
    settings['DAYPASS_MASTER_KEY'] = randomBytes(32).toString('base64')
    install = await startInstall(settings)
  })

  after(async () => {
    await install.stop()
    await store.stop()
    await shop.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('runs on version 15 indeed', async () => {
    for (const url of [store.url(), shop.url()]) {
      await onServer(url, async (client) => {
        const { rows } = await client.query<{ version: string }>('show server_version')
        assert.match(String(Object.values(rows[0] ?? {})[0]), /^15\./)
      })
    }
  })

  it('sets up the demo on servers of your own', async () => {
    const made = await install.cli(['demo-setup', '--shop-url', shop.url()])
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stdout, /^mark /m)
    const again = await install.cli(['demo-setup', '--shop-url', shop.url()])
    assert.match(again.stdout, /already/)
    const token = await install.cli(['token', 'create', '--user', 'mark', '--name', 'x', '--json'])
    const secret = (JSON.parse(token.stdout) as { token: string }).token
    mark = { DAYPASS_URL: install.portalUrl, DAYPASS_TOKEN: secret }
  })

  it('grants a user, carries its statements, and leaves nothing behind', async () => {
    const asked = await install.cli(
      ['request', 'shop', '--role', 'role2', '--justification', 'Try 15', '--json'],
      mark,
    )
    assert.equal(asked.code, 0, asked.stderr)
    const { id } = JSON.parse(asked.stdout) as { id: string }
    await until(async () => (await sessions()).includes(`"GRANTED"`))
    const answer = await fetch(`${install.portalUrl}/api/v1/sessions/${id}/credential`, {
      method: 'POST',
      headers: { authorization: `Bearer ${mark['DAYPASS_TOKEN'] ?? ''}` },
    })
    const { url } = (await answer.json()) as { url: string }
    await onServer(url, async (client) => {
      const { rows } = await client.query('select count(*) > $1 as many from customers', [1000])
      assert.deepEqual(rows, [{ many: true }])
      await assert.rejects(client.query('table orders'), { code: '42501' })
    })
    assert.equal((await install.cli(['cancel', id], mark)).code, 0)
    await until(async () => {
      const left = await onServer(shop.url(), (client) =>
        client.query(`select from pg_roles where rolname like 'dp\\_%'`),
      )
      return left.rowCount === 0
    })
  })

  async function sessions(): Promise<string> {
    return (await install.cli(['sessions', '--mine', '--json'], mark)).stdout
  }
})

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function until(probe: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await probe())) {
    assert.ok(Date.now() < deadline, 'it took too long')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
