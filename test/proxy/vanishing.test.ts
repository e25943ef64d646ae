import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import pg from 'pg'
import { clientOf, GrantedWorld, type TestProxy } from '../support/granted.ts'

/** Some 40 ms on a machine that has time; the statement takes half a minute. */
const MOST_MS = 5_000

describe('a client that is gone in the middle of a statement', () => {
  let world: GrantedWorld
  let proxy: TestProxy
  let shop: pg.Client

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
    shop = new pg.Client({ connectionString: world.shopUrl })
    await shop.connect()
  })
  after(async () => {
    await shop.end()
    await world.close()
  })

  const WAYS: Readonly<Record<string, (socket: Socket) => void>> = {
    'resets its connection': (socket) => socket.resetAndDestroy(),
    'closes its connection': (socket) => socket.destroy(),
  }
  for (const [how, leave] of Object.entries(WAYS)) {
    it(`has it cancelled at once when it ${how}`, async () => {
      const client = clientOf(proxy.port, await world.grant())
      client.on('error', () => undefined)
      await client.connect()
      const { processID, connection } = client as unknown as {
        processID: number
        connection: { stream: Socket }
      }
      client.query('select pg_sleep(30)').catch(() => undefined)
      await world.waitUntilAsleep(processID)
      const left = performance.now()
      leave(connection.stream)
      while (await isAsleep(processID)) assert.ok(performance.now() - left < MOST_MS)
    })
  }

  async function isAsleep(pid: number): Promise<boolean> {
    const sql = `select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`
    return (await shop.query(sql, [pid])).rowCount === 1
  }
})
