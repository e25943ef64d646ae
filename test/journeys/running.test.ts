import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { startProxy } from '../../proxy/main.ts'
import { makeBroker } from '../support/broker.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { until } from '../support/until.ts'
import { makeWorld, type World } from '../support/world.ts'

type Row = Record<string, unknown>

/** Times are told in milliseconds, by clocks of one machine. */
const ROUNDED_MS = 50

describe('a statement on its way through the proxy', () => {
  let world: World
  let portal: TestPortal
  let port: number
  let dataDir: string
  const shutdown = new Shutdown(silentLog)

  before(async function () {
    this.timeout(60_000)
    world = await makeWorld()
    portal = await openPortal(world)
    dataDir = await mkdtemp(path.join(tmpdir(), 'daypass-proxy-'))
    const { masterKey } = world
    const listener = { host: '127.0.0.1', port: 0, tls: undefined }
    const config = { dataDir, masterKey, partKey: undefined, proxy: listener }
    const parts = { store: world.proxy, log: silentLog, shutdown }
    port = (await startProxy({ ...parts, config: { ...config, recording: 'prompt' } })).port
  })
  after(async () => {
    await shutdown.close()
    await portal.close()
    await world.close()
    await rm(dataDir, { recursive: true, force: true })
  })

  const call = async (path: string): Promise<Row> => bodyOf(await portal.api('mark').get(path))
  const granted = async (): Promise<string> => {
    const asked = { dataSource: 'shop', roles: ['role2'], justification: 'ticket 7' }
    const { id } = bodyOf(await portal.api('mark').post('/sessions', asked))
    await makeBroker(world).tick()
    return String(id)
  }

  it('is shown while it runs, as old as it is, and is in the recording after', async () => {
    const id = await granted()
    const credential = bodyOf(await portal.api('mark').post(`/sessions/${id}/credential`, {}))
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: String(credential['username']),
      password: String(credential['password']),
      database: String(credential['database']),
    })
    // a failed test ends the proxy under it
    client.on('error', () => undefined)
    await client.connect()
    const holder = new pg.Client({ connectionString: world.shop.superuserUrl })
    await holder.connect()
    await holder.query('select pg_advisory_lock(7)')
    const begun = performance.now()
    const text = "select pg_advisory_xact_lock(7), 'nap' as nap"
    const asleep = client.query(text)
    const first = await until('it is seen', seen)
    const second = await until('it is seen again', seen)
    assert.equal(first.text, text)
    // by the clocks of others, it began when it did and grows older as time goes by
    assert.ok(first.age <= first.until - begun + ROUNDED_MS)
    const older = second.age - first.age
    assert.ok(older >= second.from - first.until - ROUNDED_MS, `${String(older)} ms older`)
    assert.ok(older <= second.until - first.from + ROUNDED_MS, `${String(older)} ms older`)
    await holder.end()
    await asleep
    await until('it is gone', async () => (await seen()) === undefined)
    const recorded = await until('it is recorded', async () => {
      const { statements } = await call(`/sessions/${id}/statements`)
      return (statements as Row[]).find(({ number }) => number === first.number)
    })
    assert.equal(recorded['text'], text)
    assert.equal(recorded['connection'], first.connection)
    await client.end()

    /** The one statement that runs, and between which moments it was looked at. */
    async function seen() {
      const from = performance.now()
      const { running } = await call(`/sessions/${id}/running`)
      const [row] = running as Row[]
      if (row === undefined) return undefined
      const { text, connection, number, milliseconds } = row
      const times = { from, until: performance.now(), age: Number(milliseconds) }
      return { ...times, text, connection, number }
    }
  })
})
