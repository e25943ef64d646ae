import assert from 'node:assert/strict'
import { PersonApi } from '../support/person-api.ts'
import { onServer, startOnOwnServers, type OwnServers } from '../support/own-servers.ts'
import { until } from '../support/until.ts'

/** Debian's own PostgreSQL 15, from the package postgresql-15. */
const DEBIAN = '/usr/lib/postgresql/15/bin'

describe("on Debian's PostgreSQL 15, as store and as data source", () => {
  let servers: OwnServers
  let mark: Record<string, string>

  before(async function () {
    this.timeout(200_000)
    servers = await startOnOwnServers(DEBIAN)
  })

  after(() => servers.close())

  it('runs on version 15 indeed', async () => {
    for (const server of [servers.store, servers.shop]) {
      await onServer(server.url(), async (client) => {
        const { rows } = await client.query<{ server_version: string }>('show server_version')
        assert.match(rows[0]?.server_version ?? '', /^15\./)
      })
    }
  })

  it('sets up the demo on servers of your own', async () => {
    const { install, shop } = servers
    const made = await install.cli(['demo-setup', '--shop-url', shop.url()])
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stdout, /^mark /m)
    const again = await install.cli(['demo-setup', '--shop-url', shop.url()])
    assert.match(again.stdout, /already/)
    mark = await servers.as('mark')
  })

  it('grants a user, carries its statements, and leaves nothing behind', async () => {
    const { install, shop } = servers
    const asked = await install.cli(
      ['request', 'shop', '--role', 'role2', '--justification', 'Try 15', '--json'],
      mark,
    )
    assert.equal(asked.code, 0, asked.stderr)
    const { id } = JSON.parse(asked.stdout) as { id: string }
    const api = new PersonApi(install.portalUrl, mark['DAYPASS_TOKEN'] ?? '')
    await until('granted', async () => (await api.get(`/sessions/${id}`))['state'] === 'GRANTED')
    const { body } = await api.post(`/sessions/${id}/credential`, {})
    await onServer(String(body['url']), async (client) => {
      const { rows } = await client.query('select count(*) > $1 as many from customers', [1000])
      assert.deepEqual(rows, [{ many: true }])
      await assert.rejects(client.query('table orders'), { code: '42501' })
    })
    assert.equal((await install.cli(['cancel', id], mark)).code, 0)
    await until('removed', async () => {
      const left = await onServer(shop.url(), (client) =>
        client.query(`select from pg_roles where rolname like 'dp\\_%'`),
      )
      return left.rowCount === 0
    })
  })
})
