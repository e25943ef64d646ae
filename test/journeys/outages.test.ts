import assert from 'node:assert/strict'
import pg from 'pg'
import { onServer, startOnOwnServers, type OwnServers } from '../support/own-servers.ts'
import { PersonApi } from '../support/person-api.ts'
import { until } from '../support/until.ts'

describe('journey: servers go away and come back, and nothing is lost', function () {
  this.timeout(120_000)

  let servers: OwnServers
  let mark: PersonApi
  let setup: SetupLinks

  before(async () => {
    servers = await startOnOwnServers()
    setup = await trySetupLinks(servers)
    const made = await servers.install.cli(['demo-setup', '--shop-url', servers.shop.url()])
    assert.equal(made.code, 0, made.stderr)
    const { DAYPASS_TOKEN = '' } = await servers.as('mark')
    mark = new PersonApi(servers.install.portalUrl, DAYPASS_TOKEN)
  })

  after(() => servers.close())

  it('a store without an admin: the banner alone says where to make one, until there is one', async () => {
    const { told, made } = setup
    assert.deepEqual(setup.opened, [303, '/setup'])
    assert.deepEqual(setup.replaced, [404, null], 'the link of the banner ended with the next')
    assert.deepEqual(await open(made), [404, null], 'the demo has an admin')
    const refused = await servers.install.cli(['setup-link'])
    assert.deepEqual([refused.code, refused.stdout], [1, ''])
    assert.match(refused.stderr, /There is an admin already/)
    const linked = await servers.install.cli(['password-link', 'mark', '--json'])
    const { url } = JSON.parse(linked.stdout) as { url: string }
    assert.deepEqual(await open(url), [303, '/password/new'])
    const secret = new URL(told).searchParams.get('secret') ?? ''
    assert.equal(servers.install.printed().split(secret).length, 2, 'it stands in the banner alone')
    assert.ok(!servers.install.printed().includes('there is no admin yet'))
  })

  it('the store goes: what was let in works on, the portal says so, and all is recorded after', async () => {
    const id = await request()
    await granted(id)
    const client = await connect(id)
    await client.query('select 1')
    await servers.store.stop()
    for (let n = 2; n <= 20; n += 1) await client.query(`select ${String(n)}`)

    const { portalUrl } = servers.install
    assert.equal((await fetch(`${portalUrl}/healthz`)).status, 200)
    assert.equal((await fetch(`${portalUrl}/readyz`)).status, 503)
    const page = await fetch(`${portalUrl}/sign-in`)
    assert.equal(page.status, 503)
    assert.match(await page.text(), /try again/i)
    const answer = await mark.call(`/sessions/${id}`)
    assert.equal(answer.status, 503)
    assert.equal(typeof answer.body['detail'], 'string')

    await servers.store.start()
    await until('ready', async () => (await fetch(`${portalUrl}/readyz`)).status === 200)
    await client.query('select 21')
    await client.end()
    const texts = await until('all 21 recorded', async () => {
      const { statements } = await mark.get(`/sessions/${id}/statements`)
      const found = (statements as { text: string }[]).map(({ text }) => text)
      return found.length >= 21 && found
    })
    assert.deepEqual(
      texts,
      Array.from({ length: 21 }, (_, n) => `select ${String(n + 1)}`),
    )
    await mark.post(`/sessions/${id}/cancellation`, {})
    await removed(id)
  })

  it('the data source goes: a grant waits for it, a removal too, and the access ends at once', async () => {
    await servers.shop.stop()
    const id = await request()
    await until('tried', () =>
      Promise.resolve(servers.install.printed().includes("shop can't be reached")),
    )
    assert.equal((await mark.get(`/sessions/${id}`))['state'], 'APPROVED')
    await servers.shop.start()
    await granted(id)

    await servers.shop.stop()
    const canceled = await mark.post(`/sessions/${id}/cancellation`, {})
    assert.equal(canceled.body['state'], 'CANCELED')
    assert.equal(canceled.body['removedAt'], null)
    await servers.shop.start()
    await removed(id)
    const { rowCount } = await onServer(servers.shop.url(), (client) =>
      client.query(`select from pg_roles where rolname like 'dp\\_%'`),
    )
    assert.equal(rowCount, 0)
  })

  it('the window closes by itself and tells the client', async () => {
    const id = await request()
    await granted(id)
    const client = await connect(id)
    const ended = new Promise<Error & { code?: string }>((resolve) => client.on('error', resolve))
    // nine minutes pass, however long the rest has taken
    await onServer(servers.store.url({ database: 'daypass' }), (store) =>
      store.query(
        `update sessions
            set start_at = start_at - interval '9 minutes', end_at = clock_timestamp() + interval '2 seconds'
          where id = $1`,
        [id],
      ),
    )
    const said = await ended
    assert.equal(said.code, '57P01')
    assert.match(said.message, /expired|ran out|over/i)
    await client.end().catch(() => undefined)
    const session = await removed(id)
    assert.equal(session['state'], 'EXPIRED')
  })

  async function request(): Promise<string> {
    const answer = await mark.post('/sessions', {
      dataSource: 'shop',
      roles: ['role2'],
      justification: 'outage',
      minutes: 10,
    })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return String(answer.body['id'])
  }

  async function granted(id: string): Promise<void> {
    await until(
      'granted',
      async () => (await mark.get(`/sessions/${id}`))['state'] === 'GRANTED',
      60_000,
    )
  }

  function removed(id: string): Promise<Record<string, unknown>> {
    return until(
      'removed',
      async () => {
        const session = await mark.get(`/sessions/${id}`)
        return session['removedAt'] !== null && session
      },
      60_000,
    )
  }

  async function connect(id: string): Promise<pg.Client> {
    const { body } = await mark.post(`/sessions/${id}/credential`, {})
    const client = new pg.Client(String(body['url']))
    client.on('error', () => undefined)
    await client.connect()
    return client
  }
})

/** Links that make the first admin, tried while there is none. */
interface SetupLinks {
  /** By the banner. */
  readonly told: string
  readonly opened: Opened
  /** What the banner's answers once there is another. */
  readonly replaced: Opened
  readonly made: string
}
type Opened = readonly [status: number, location: string | null]

async function trySetupLinks({ install }: OwnServers): Promise<SetupLinks> {
  const [told] = /http\S+\/password\/link\?secret=\S+/.exec(install.printed()) ?? []
  assert.ok(told, install.printed())
  const opened = await open(told)
  const answer = await install.cli(['setup-link', '--json'])
  assert.equal(answer.code, 0, answer.stderr)
  const { url } = JSON.parse(answer.stdout) as { url: string }
  return { told, opened, replaced: await open(told), made: url }
}

async function open(url: string): Promise<Opened> {
  const { status, headers } = await fetch(url, { redirect: 'manual' })
  return [status, headers.get('location')]
}
