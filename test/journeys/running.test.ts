import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { startProxy } from '../../proxy/main.ts'
import { makeBroker } from '../support/broker.ts'
import { openPortal, type TestPortal } from '../support/portal.ts'
import { bodyOf } from '../support/problem.ts'
import { makeWorld, type World } from '../support/world.ts'

type Row = Record<string, unknown>

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

  it('is shown while it runs, within a second or two, and is in the recording after', async () => {
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
    const running = async (): Promise<Row[]> =>
      (await call(`/sessions/${id}/running`))['running'] as Row[]
    const begun = performance.now()
    const asleep = client.query("select pg_sleep(3), 'nap' as nap")
    let found: Row[] = []
    while (found.length === 0 && performance.now() - begun < 3_000) {
      await sleep(50)
      found = await running()
    }
    const seen = performance.now() - begun
    const [row] = found
    assert.equal(row?.['text'], "select pg_sleep(3), 'nap' as nap", 'it was never seen')
    assert.ok(seen < 2_000, `seen after ${String(seen)} ms`)
    const age = Number(row['milliseconds'])
    assert.ok(Math.abs(age - seen) < 500, `${String(age)} ms old, begun ${String(seen)} ms ago`)
    await asleep
    const ended = performance.now()
    while ((await running()).length > 0) {
      assert.ok(performance.now() - ended < 2_500, 'it is shown though it is done')
      await sleep(50)
    }
    const { statements } = await call(`/sessions/${id}/statements`)
    const recorded = (statements as Row[]).find(({ number }) => number === row['number'])
    assert.equal(recorded?.['text'], row['text'])
    assert.equal(recorded['connection'], row['connection'])
    await client.end()
  })
})
