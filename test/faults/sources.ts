import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { makeBroker, until } from '../support/broker.ts'
import { awaitAlert, listOurRoles } from '../support/oracles.ts'
import { Late, seconds } from '../support/oracles-ends.ts'
import { until as ask } from '../support/until.ts'
import { runOn } from '../support/world.ts'
import { Bench } from './bench.ts'
import type { Cell } from './cell.ts'
import { startOwnServers, startStandby } from './servers.ts'

/** A broker gives one call at most this long: a statement, its answer, and the goodbye. */
const CALL_DEADLINE_MS = 25_000
/** Before a call that hangs is given up. */
const SERVED_MS = 5_000

/** Data sources that fail, hang, fill up, answer as a standby, or come back older than they were. */
export const SOURCES: readonly Cell[] = [
  ...(['down', 'a black hole', 'deaf', 'slow', 'cut after 2,000 bytes'] as const).map(
    (how): Cell => ({
      name: `one data source is ${how}`,
      holds: 'the others are served, every call ends by its deadline, I2 from "reachable again"',
      run: (bench) => oneFails(bench, how),
    }),
  ),
  {
    name: 'a data source hangs: SIGSTOP of postmaster and backends',
    holds: 'every call ends by its deadline, I2 from "reachable again", I12',
    open: () => ownServers(),
    run: hangs,
  },
  {
    name: 'a data source is at max_connections',
    holds: 'I2 from "room again"; granted when there is room',
    open: () => ownServers({ max_connections: '12', superuser_reserved_connections: '3' }),
    run: isFull,
  },
  {
    name: 'a data source crashes while sessions end, and comes back',
    holds: 'I2 from "reachable again"',
    open: () => ownServers(),
    run: crashes,
  },
  {
    name: 'the connection lands on a standby',
    holds: 'read-only is not success: nothing is concluded from it',
    open: () => ownServers(),
    run: standby,
  },
  {
    name: 'restored from a backup: dropped roles come back',
    holds: 'they are removed again; users the backup lacks end their sessions',
    open: () => ownServers(),
    run: restored,
  },
]

async function ownServers(settings: Record<string, string> = {}): Promise<Bench> {
  return Bench.open(await startOwnServers(settings))
}

type How = 'down' | 'a black hole' | 'deaf' | 'slow' | 'cut after 2,000 bytes'

async function oneFails(bench: Bench, how: How): Promise<void> {
  const relay = await bench.relay()
  await bench.pointAt(relay.port)
  await bench.addDataSource('fine', { port: bench.world.shop.cluster.port })
  await bench.readyBroker()
  const held = await bench.granted((await bench.request()).id)
  if (how === 'down') relay.cut()
  else if (how === 'a black hole') relay.stall()
  else if (how === 'deaf') relay.deafen()
  else if (how === 'slow') relay.slow(300)
  else relay.cutAfter(2_000)
  bench.injected = true
  const waiting = await bench.request()
  await bench.cancel(held.id)
  await sleep(500)
  const begun = performance.now()
  const served = await bench.request(['fine_role'], { dataSource: 'fine' })
  await bench.granted(served.id)
  const took = performance.now() - begun
  bench.note(`the other was served in ${seconds(took)}`)
  if (took > SERVED_MS) throw new Late(`the other was served in ${seconds(took)}`)
  await bench.cancel(served.id)
  await bench.gone(performance.now(), { ids: [served.id] })
  if (how === 'down' || how === 'a black hole' || how === 'deaf') {
    const rule = await awaitAlert(bench.world, [
      'data_source_unreachable',
      'removal_late',
      'end_late',
      'grant_late',
    ])
    assert.ok(rule, 'I12: no alert within 60 s')
    bench.note(`alert ${rule}`)
    assert.equal((await bench.look(waiting.id)).state, 'APPROVED')
  }
  await callsEnd(bench)
  relay.mend()
  await bench.gone(performance.now(), { ids: [held.id] })
  await bench.granted(waiting.id)
  await bench.cancel(waiting.id)
  await bench.gone(performance.now())
  await bench.sound()
}

async function hangs(bench: Bench): Promise<void> {
  const { source } = bench.own
  await bench.readyBroker()
  const held = await bench.granted((await bench.request()).id)
  source.freeze()
  bench.injected = true
  await bench.cancel(held.id)
  const waiting = await bench.request()
  await callsEnd(bench)
  const rule = await awaitAlert(bench.world, [
    'data_source_unreachable',
    'removal_late',
    'end_late',
    'grant_late',
  ])
  source.thaw()
  assert.ok(rule, 'I12: no alert within 60 s')
  bench.note(`alert ${rule}`)
  await bench.gone(performance.now(), { ids: [held.id] })
  await bench.granted(waiting.id)
  await bench.cancel(waiting.id)
  await bench.gone(performance.now())
  await bench.sound()
}

/** One tick of a broker that has nothing but the broken data source must come to its end. */
async function callsEnd(bench: Bench): Promise<void> {
  const broker = makeBroker(bench.world)
  const begun = performance.now()
  await broker.reconcile()
  const took = performance.now() - begun
  bench.note(`a call ended after ${seconds(took)}`)
  assert.ok(took < CALL_DEADLINE_MS, `a call took ${seconds(took)}`)
}

async function isFull(bench: Bench): Promise<void> {
  const { world } = bench
  await bench.readyBroker()
  const held = await bench.granted((await bench.request()).id)
  await runOn(world.shop.superuserUrl, `create role crowd login password 'crowd'`)
  const url = new URL(world.shop.superuserUrl)
  url.username = 'crowd'
  url.password = 'crowd'
  const crowd: pg.Client[] = []
  const fill = async (): Promise<void> => {
    for (;;) {
      const client = new pg.Client({ connectionString: url.href })
      client.on('error', () => undefined)
      try {
        await client.connect()
        crowd.push(client)
      } catch {
        await client.end().catch(() => undefined)
        return
      }
    }
  }
  await fill()
  assert.ok(crowd.length > 2)
  bench.injected = true
  await bench.cancel(held.id)
  const waiting = await bench.request()
  for (let round = 0; round < 20; round += 1) {
    // places that the broker gave back are taken at once
    await fill()
    await sleep(200)
  }
  await Promise.all(crowd.map((client) => client.end()))
  await bench.gone(performance.now(), { ids: [held.id] })
  await bench.granted(waiting.id)
  await bench.cancel(waiting.id)
  await bench.gone(performance.now())
  await bench.sound()
}

async function crashes(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const held = await Promise.all(
    Array.from({ length: 20 }, async () => bench.granted((await bench.request()).id)),
  )
  await Promise.all(held.map(({ id }) => bench.cancel(id)))
  await bench.own.source.crash()
  bench.injected = true
  await sleep(3_000)
  await bench.own.source.start()
  await bench.gone(performance.now())
  await bench.sound()
}

async function standby(bench: Bench): Promise<void> {
  const { source } = bench.own
  // taken before the grants: to one who asks this standby, the users of both sessions are gone
  await source.stop()
  const copy = await source.backUp()
  await source.start()
  await bench.readyBroker()
  const held = await bench.granted((await bench.request()).id)
  const stays = await bench.granted((await bench.request()).id)
  const replica = await startStandby(copy)
  bench.onClose(() => replica.stop())
  const there = bench.world.shop.cluster
    .superuserUrl()
    .replace(/:\d+\//, `:${String(replica.port)}/`)
  await ask('the standby answers', () =>
    runOn<{ standby: boolean }>(there, 'select pg_is_in_recovery() as standby').then(
      ([found]) => found?.standby,
      () => false,
    ),
  )
  await bench.pointAt(replica.port)
  bench.injected = true
  const waiting = await bench.request()
  await bench.cancel(held.id)
  // a reconcile comes round every ten seconds
  await sleep(12_000)
  const ended = await bench.look(held.id)
  assert.equal(ended.state, 'CANCELED')
  assert.equal(ended.removedAt, null, 'a standby was taken for success')
  assert.equal((await bench.look(stays.id)).state, 'GRANTED')
  assert.equal((await bench.look(waiting.id)).state, 'APPROVED')
  await bench.pointAt(bench.world.shop.cluster.port)
  await bench.gone(performance.now(), { ids: [held.id] })
  await bench.granted(waiting.id)
  await bench.cancel(waiting.id)
  await bench.cancel(stays.id)
  await bench.gone(performance.now())
  await bench.sound()
}

async function restored(bench: Bench): Promise<void> {
  const { source } = bench.own
  await bench.readyBroker()
  const removed = await bench.granted((await bench.request(['role3'])).id)
  const stays = await bench.granted((await bench.request()).id)
  await source.stop()
  const copy = await source.backUp()
  await source.start()
  await bench.cancel(removed.id)
  await bench.gone(performance.now())
  const lost = await bench.granted((await bench.request()).id)
  await source.stop()
  await source.restore(copy)
  await source.start()
  bench.injected = true
  const back = performance.now()
  const names = (await listOurRoles(bench.world)).map(({ name }) => name)
  assert.ok(
    names.includes(removed.username ?? ''),
    'the backup has no such role: nothing was shown',
  )
  // reconcile comes round every ten seconds; what it finds is then removed as at an end
  await until(
    'the role that came back is gone again',
    async () => !(await listOurRoles(bench.world)).some(({ name }) => name === removed.username),
    25_000,
  )
  bench.note(`gone again after ${seconds(performance.now() - back)}`)
  await until(
    'what was lost has ended',
    async () => (await bench.look(lost.id)).state === 'TERMINATED',
    25_000,
  )
  assert.equal((await bench.look(stays.id)).state, 'GRANTED')
  await bench.sound()
  await bench.cancel(stays.id)
  await bench.gone(performance.now())
  await bench.sound()
}
