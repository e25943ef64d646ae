import assert from 'node:assert/strict'
import { openStore, rows, unhurried } from '../../db/store.ts'
import { GrantedWorld } from '../support/granted.ts'
import { openRelay } from '../support/relay.ts'

/** More than a statement of no length takes on a busy machine. */
const DEADLINE_MS = 1_000
/** A connection is silent two seconds after a statement's deadline (db/store.ts). */
const LOOKED_AT_MS = DEADLINE_MS + 2_500

describe('a store that goes silent', () => {
  let world: GrantedWorld

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(() => world.close())

  it('holds nobody for ever, and is used again once it answers', async () => {
    const url = new URL(world.proxyUrl)
    const wire = await openRelay(Number(url.port))
    url.hostname = '127.0.0.1'
    url.port = String(wire.port)
    const store = openStore(url.href, { poolSize: 2, deadlineMs: DEADLINE_MS })
    await Promise.all([1, 2].map(() => rows(store.db, 'select pg_sleep(0.05)')))
    wire.deafen()
    const began = performance.now()
    const failures = await Promise.allSettled([1, 2].map(() => rows(store.db, 'select 1')))
    assert.deepEqual(
      failures.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.ok(performance.now() - began < 15_000)
    wire.mend()
    assert.deepEqual(await rows(store.db, 'select 1 as one'), [{ one: 1 }])
    await store.close()
    wire.close()
  })

  it('is not one with nothing to do, nor one that is always busy', async () => {
    const busy = askWithoutPause(world.proxyUrl, LOOKED_AT_MS)
    const store = openStore(world.proxyUrl, { poolSize: 1, deadlineMs: DEADLINE_MS })
    const [before] = await rows<{ pid: number }>(store.db, 'select pg_backend_pid() as pid')
    await new Promise((resolve) => setTimeout(resolve, LOOKED_AT_MS))
    await busy
    assert.deepEqual(await rows(store.db, 'select pg_backend_pid() as pid'), [before])
    await store.close()
  })

  it('is not one that works on what may take longer, over a connection of its own', async () => {
    const store = openStore(world.proxyUrl, { poolSize: 1, deadlineMs: DEADLINE_MS })
    const seconds = (LOOKED_AT_MS + 1_000) / 1_000
    const slow = unhurried(store, { deadlineMs: 60_000 }, async ({ db }) => {
      await rows(db, 'select pg_sleep(:seconds)', { seconds })
      return rows(db, 'show client_connection_check_interval')
    })
    const hurried = rows(store.db, 'select pg_sleep(:seconds)', { seconds })
    const [mine, others] = await Promise.allSettled([slow, hurried])
    // where we are gone, the store does not go on for nobody
    assert.deepEqual(mine, {
      status: 'fulfilled',
      value: [{ client_connection_check_interval: '2s' }],
    })
    assert.equal(others.status, 'rejected')
    await store.close()
  })
})

/** Two callers on one connection: whenever it is looked at, one of them waits. */
async function askWithoutPause(url: string, milliseconds: number): Promise<void> {
  const store = openStore(url, { poolSize: 1, deadlineMs: DEADLINE_MS })
  const enough = performance.now() + milliseconds
  const ask = async (): Promise<void> => {
    while (performance.now() < enough) await rows(store.db, 'select pg_sleep(0.01)')
  }
  await Promise.all([ask(), ask()])
  await store.close()
}
