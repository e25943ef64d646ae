import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { openStore, rows } from '../../db/store.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { startPortal } from '../../portal/main.ts'
import { configFor } from '../support/portal.ts'
import { until } from '../support/until.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('the portal as a process', () => {
  let world: World
  let shutdown: Shutdown

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
  })
  beforeEach(() => (shutdown = new Shutdown(silentLog)))
  afterEach(() => shutdown.close())
  after(() => world.close())

  it('listens where it says, and stops', async () => {
    const config = configFor(world, { DAYPASS_PORTAL_PORT: '0' })
    const { url } = await startPortal({ config, store: world.portal, log: silentLog, shutdown })
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
    await shutdown.close()
    await assert.rejects(fetch(`${url}/healthz`))
  })

  it('says which setting to change when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    assert.ok(typeof address === 'object' && address !== null)
    const config = configFor(world, { DAYPASS_PORTAL_PORT: String(address.port) })
    await assert.rejects(startPortal({ config, store: world.portal, log: silentLog, shutdown }), {
      code: 'port_taken',
      message: /DAYPASS_PORTAL_PORT/,
    })
    other.close()
  })

  it('needs a key for its cookies', async () => {
    const config = configFor(world, { DAYPASS_PORTAL_PORT: '0' })
    const deps = { store: world.portal, log: silentLog, shutdown }
    await assert.rejects(startPortal({ ...deps, config: { ...config, masterKey: undefined } }), {
      code: 'bad_settings',
    })
  })

  it('serves on after the store has cut every connection', async () => {
    const config = configFor(world, { DAYPASS_PORTAL_PORT: '0' })
    const { url } = await startPortal({ config, store: world.portal, log: silentLog, shutdown })
    assert.equal((await fetch(`${url}/sign-in`)).status, 200)
    await rows(
      world.owner.db,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    )
    for (const path of ['/sign-in', '/readyz']) {
      await until(path, async () => (await fetch(url + path)).status === 200)
    }
  })

  it('answers 503 with a sentence while the store is away, and lives on', async () => {
    const away = openStore('postgres://nobody:x@127.0.0.1:1/nothing')
    const log = silentLog
    const deps = { config: configFor(world, { DAYPASS_PORTAL_PORT: '0' }), log, shutdown }
    const { url } = await startPortal({ ...deps, store: away })
    try {
      for (let count = 0; count < 2; count += 1) {
        const page = await fetch(`${url}/sign-in`)
        assert.equal(page.status, 503)
        assert.ok(Number(page.headers.get('retry-after')) > 0)
        assert.match(await page.text(), /can(&#39;|')t reach its store/)
        const token = `Bearer daypass_${'a'.repeat(32)}`
        for (const path of ['/readyz', '/api/v1/me']) {
          const answer = await fetch(url + path, { headers: { authorization: token } })
          assert.equal(answer.status, 503, path)
          assert.equal(((await answer.json()) as { code: string }).code, 'store_unreachable')
        }
        assert.equal((await fetch(`${url}/healthz`)).status, 200)
      }
    } finally {
      await away.close()
    }
  })
})
