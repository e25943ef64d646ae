import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../lib/errors.ts'
import { migrate } from '../../db/migrate.ts'
import { storyOf, until } from '../support/broker.ts'
import { createDatabase, dropDatabase, storeCluster } from '../support/clusters.ts'
import { onServer } from '../support/own-servers.ts'
import { runOn } from '../support/world.ts'
import { Late, PROXY_CUTS_MS, seconds } from '../support/oracles-ends.ts'
import { Bench } from './bench.ts'
import type { Cell } from './cell.ts'
import { enterByProxy } from './inside.ts'
import { startOwnServers } from './servers.ts'

/** The store away, too new or half migrated; secrets in the wrong places. */
export const STORES: readonly Cell[] = [
  {
    name: 'the store down 20 s across ends',
    holds:
      'a proxy cuts by the end it knows, valid until holds; I2 I4 from "back" (20 s in place of 10 min)',
    open: async () => Bench.open(await startOwnServers()),
    run: storeDown,
  },
  {
    name: 'the store crashes at each moment of a busy minute',
    holds: 'I1 I2 I4',
    open: async () => Bench.open(await startOwnServers()),
    run: storeCrashes,
  },
  {
    name: 'a rolling upgrade: the store is newer than the part',
    holds: 'a too-old part refuses to start, with the remedy',
    run: tooOld,
  },
  {
    name: 'a migration killed half-way',
    holds: 'all or nothing: parts refuse until it is run again',
    run: migrationKilled,
  },
  {
    name: 'secrets where anybody may look, with pg_stat_statements on',
    holds: 'I8',
    open: async () =>
      Bench.open(
        await startOwnServers({
          shared_preload_libraries: 'pg_stat_statements',
          'pg_stat_statements.track': 'all',
          'pg_stat_statements.track_utility': 'on',
        }),
      ),
    run: secretsStay,
  },
]

async function storeDown(bench: Bench): Promise<void> {
  await bench.readyBroker()
  await bench.readyBroker()
  const ending = await bench.granted((await bench.request(['role2'], { minutes: 0.5 })).id)
  const inside = await enterByProxy(bench, ending.id)
  const staying = await bench.granted((await bench.request()).id)
  await bench.own.store.stop()
  bench.injected = true
  const end = performance.now() + (ending.end?.toMillis() ?? 0) - Date.now()
  assert.ok(
    end > performance.now(),
    'it was over before the store was away: nothing would be shown',
  )
  await sleep(Math.max(20_000, end - performance.now()))
  await until('the proxy cut', () => Promise.resolve(inside.cutAt() !== undefined))
  const cut = inside.cutAt() ?? Infinity
  assert.ok(cut >= end - 100, 'the proxy cut before the end')
  if (cut > end + PROXY_CUTS_MS) throw new Late(`the proxy cut ${seconds(cut - end)} after the end`)
  bench.note(`the proxy cut ${seconds(cut - end)} after the end: ${inside.farewell()}`)
  assert.equal(await inside.knock(), false)
  const [role] = await bench.onShop<{ over: boolean }>(
    `select rolvaliduntil < clock_timestamp() as over from pg_roles where rolname = $1`,
    [ending.username],
  )
  assert.equal(role?.over, true, 'valid until did not hold')
  await bench.own.store.start()
  const back = performance.now()
  await bench.gone(back)
  assert.equal(
    await storyOf(bench.world, ending.id),
    'CREATED role_approved APPROVED GRANTED EXPIRED',
  )
  assert.equal((await bench.look(staying.id)).state, 'GRANTED')
  const { id } = await bench.request()
  await bench.granted(id)
  await Promise.all([bench.cancel(id), bench.cancel(staying.id)])
  await bench.gone(performance.now())
  await bench.sound()
}

async function storeCrashes(bench: Bench): Promise<void> {
  await bench.readyBroker()
  await bench.readyBroker()
  for (let round = 0; round < 6; round += 1) {
    const asked = await Promise.all(Array.from({ length: 10 }, () => bench.request()))
    // so that each crash meets another step
    await sleep(150 * round)
    await bench.own.store.crash()
    bench.injected = true
    await bench.own.store.start()
    for (const { id } of asked) await bench.granted(id)
    await bench.runOut(asked.map(({ id }) => id))
    await sleep(150 * round)
    await bench.own.store.crash()
    await bench.own.store.start()
    const back = performance.now()
    await bench.gone(back)
  }
  await bench.sound()
}

async function tooOld(bench: Bench): Promise<void> {
  await bench.onStore(
    `insert into migrations (name, batch, migration_time) values ('999-of-tomorrow', 99, now())`,
  )
  bench.injected = true
  const broker = bench.broker()
  assert.equal(await broker.line('ready'), undefined, 'a too-old part started')
  assert.match(
    broker.printed(),
    /migrated by a newer Daypass .*999-of-tomorrow.*start that version/,
  )
  await bench.onStore(`delete from migrations where name = '999-of-tomorrow'`)
  await bench.readyBroker()
}

/** How long after it has connected: at its first breath, and in the midst of it. */
const KILLED_AFTER_MS = [0, 20, 40, 80, 160]

async function migrationKilled(bench: Bench): Promise<void> {
  const cluster = await storeCluster()
  const database = await createDatabase(cluster)
  bench.onClose(() => dropDatabase(cluster, database))
  const url = cluster.superuserUrl(database)
  let killed = 0
  for (const pause of KILLED_AFTER_MS) {
    const migrating = migrate(url).then(
      () => 'landed',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    )
    await killConnections(cluster.superuserUrl(), database, pause)
    if ((await migrating) === 'landed') {
      // too quick for so long a pause: once more from nothing
      await dropDatabase(cluster, database)
      await createDatabase(cluster, { name: database })
      continue
    }
    killed += 1
    const [left] = await runOn<{ tables: number }>(
      url,
      `select cast(count(*) as integer) as tables from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    )
    assert.equal(left?.tables, 0, 'half a migration is left')
  }
  assert.ok(killed > 1, 'it was never under way when it was killed')
  bench.injected = true
  bench.note(`killed ${String(killed)} times`)
  const half = bench.broker({ storeUrl: url })
  assert.equal(await half.line('ready'), undefined)
  assert.match(half.printed(), /run \\"daypass migrate\\"/)
  assert.ok((await migrate(url)).length > 0)
  assert.deepEqual(await migrate(url), [])
}

/** Ends whoever is connected to a database, so many milliseconds after the first one is. */
async function killConnections(url: string, database: string, pause: number): Promise<void> {
  const there = 'from pg_stat_activity where datname = $1'
  await onServer(url, async (client) => {
    const stop = performance.now() + 10_000
    for (let isSeen = false; !isSeen && performance.now() < stop;) {
      isSeen = (await client.query(`select ${there}`, [database])).rows.length > 0
    }
    await sleep(pause)
    await client.query(`select pg_terminate_backend(pid) ${there}`, [database])
  })
}

async function secretsStay(bench: Bench): Promise<void> {
  const canary = `canary-${randomBytes(8).toString('hex')}`
  // making this world put passwords into statements; from here on they are the product's
  await bench.onShop('create extension pg_stat_statements; select pg_stat_statements_reset()')
  await bench.readyBroker()
  const asked = await Promise.all(Array.from({ length: 5 }, () => bench.request()))
  for (const { id } of asked) await bench.granted(id)
  bench.injected = true
  await runOn(bench.world.shop.superuserUrl, `select '${canary}'`)
  await sleep(11_000)
  for (const { id } of asked) await bench.cancel(id)
  await bench.gone(performance.now())
  const [kept] = await bench.onShop<{ count: number }>(
    `select cast(count(*) as integer) as count from pg_stat_statements`,
  )
  bench.note(`${seconds(11_000)} of statements, ${String(kept?.count ?? 0)} kinds looked through`)
  assert.ok((kept?.count ?? 0) > 5, 'nothing was kept: nothing was shown')
  await bench.sound()
}
