import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { until } from '../support/broker.ts'
import { listOurRoles, unaccountedLogins } from '../support/oracles.ts'
import { seconds } from '../support/oracles-ends.ts'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'
import { connectionsOf } from './servers.ts'

/** Several brokers, and many sessions at once. */
export const MANY: readonly Cell[] = [
  {
    name: 'three brokers, 500 sessions due in one second',
    holds: 'exactly 500 roles and 500 GRANTED, then none; I1 I2 I3 I4 I5',
    alone: true,
    run: manyDueAtOnce,
  },
  {
    name: '1,000 sessions end in one second',
    holds: 'I2 (1,000 at once: <= 60 s), I4; at most two connections of a broker',
    alone: true,
    run: manyEndAtOnce,
  },
  {
    name: 'a broker down with 2,000 due',
    holds:
      'expired ones are never granted; I4; at most two connections (2,000 in place of 5,000: asking takes the time)',
    alone: true,
    run: manyOverdue,
  },
  {
    name: 'an end while 500 grants are due',
    holds: 'I11: removal never queues behind grants',
    alone: true,
    run: endsBesideGrants,
  },
]

/** As SESSIONS promises for a thousand at once. */
const MANY_GONE_MS = 60_000
const OVERDUE = 2_000
/** How long a slow machine may take to get there; nothing is promised of it. */
const PATIENCE_MS = 300_000

async function manyDueAtOnce(bench: Bench): Promise<void> {
  await Promise.all([bench.readyBroker(), bench.readyBroker(), bench.readyBroker()])
  await requestMany(bench, 500, 4_000)
  bench.injected = true
  const begun = performance.now()
  await until('500 are granted', async () => (await countGranted(bench)) === 500, PATIENCE_MS)
  bench.note(`all in ${seconds(performance.now() - begun)} from the last request`)
  assert.equal((await listOurRoles(bench.world)).filter(({ login }) => login).length, 500)
  await bench.sound()
  await bench.runOut(await idsOf(bench))
  await bench.gone(performance.now(), { accessWithinMs: MANY_GONE_MS, goneWithinMs: MANY_GONE_MS })
  assert.deepEqual(await listOurRoles(bench.world), [])
  await bench.sound()
}

async function manyEndAtOnce(bench: Bench): Promise<void> {
  await Promise.all([bench.readyBroker(), bench.readyBroker()])
  await requestMany(bench, 1_000, 0)
  await until('1,000 are granted', async () => (await countGranted(bench)) === 1_000, PATIENCE_MS)
  const most = watchConnections(bench)
  const begun = performance.now()
  await bench.runOut(await idsOf(bench))
  bench.injected = true
  await bench.gone(begun, { accessWithinMs: MANY_GONE_MS, goneWithinMs: MANY_GONE_MS })
  const counted = await most.stop()
  bench.note(`at most ${String(counted)} connections of two brokers`)
  assert.ok(counted <= 4, `${String(counted)} connections of two brokers`)
  await bench.sound()
}

async function manyOverdue(bench: Bench): Promise<void> {
  await requestMany(bench, OVERDUE, 0)
  // nine of ten are over by the time a broker comes back; the rest is due
  const overdue = await bench.onStore<{ id: string }>(
    `   update sessions
           set start_at = start_at - interval '1 hour', end_at = clock_timestamp(), dies_at = clock_timestamp()
         where id % 10 <> 0
     returning id`,
  )
  bench.injected = true
  const most = watchConnections(bench)
  const begun = performance.now()
  await bench.readyBroker()
  await until(
    'what is over has expired, and what is due is granted',
    async () => {
      const [left] = await bench.onStore<{ left: number }>(
        `select cast(count(*) as integer) as left from sessions where state = 'APPROVED'`,
      )
      return left?.left === 0 && (await countGranted(bench)) === OVERDUE - overdue.length
    },
    PATIENCE_MS,
  )
  bench.note(
    `${String(overdue.length)} expired, the rest granted in ${seconds(performance.now() - begun)}`,
  )
  const counted = await most.stop()
  bench.note(`at most ${String(counted)} connections`)
  assert.ok(counted > 0 && counted <= 2, `${String(counted)} connections`)
  const granted = await bench.onStore(
    `select m.session_id
       from session_moves m
      where m.to_state = 'GRANTED'
        and m.session_id % 10 <> 0`,
  )
  assert.deepEqual(granted, [])
  assert.deepEqual(await unaccountedLogins(bench.world), [])
  await bench.runOut(await idsOf(bench))
  await bench.gone(performance.now(), { accessWithinMs: MANY_GONE_MS, goneWithinMs: MANY_GONE_MS })
  await bench.sound()
}

async function endsBesideGrants(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const { id } = await bench.request()
  await bench.granted(id)
  await requestMany(bench, 500, 0)
  bench.injected = true
  const begun = performance.now()
  await bench.cancel(id)
  await bench.gone(begun, { ids: [id] })
  const waiting = 500 - (await countGranted(bench))
  bench.note(`${String(waiting)} grants were still waiting then`)
  assert.ok(waiting > 0, 'the grants were over before the removal: nothing was shown')
  await until('all are granted', async () => (await countGranted(bench)) === 500, PATIENCE_MS)
  await bench.runOut(await idsOf(bench))
  await bench.gone(performance.now(), { accessWithinMs: MANY_GONE_MS, goneWithinMs: MANY_GONE_MS })
  await bench.sound()
}

/** Asks for many, all from the same moment: so many milliseconds from now, by the store's clock. */
export async function requestMany(bench: Bench, count: number, inMs: number): Promise<void> {
  const { portal, scopes, origins } = bench.world
  const begun = performance.now()
  const { start } = await bench.request()
  const from = inMs === 0 ? undefined : start?.plus({ milliseconds: inMs })
  let left = count - 1
  const hand = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await requestSession(portal, scopes.mark, origins.mark, {
        dataSource: 'shop',
        roles: ['role2'],
        ...(from === undefined ? {} : { start: from }),
        minutes: 30,
        justification: 'ticket 7',
      })
    }
  }
  await Promise.all(Array.from({ length: 8 }, hand))
  bench.note(`${String(count)} asked for in ${seconds(performance.now() - begun)}`)
}

async function idsOf(bench: Bench): Promise<SessionId[]> {
  const found = await bench.onStore<{ id: string }>(
    `select id from sessions where state in ('APPROVED', 'GRANTED')`,
  )
  return found.map(({ id }) => parseSessionId(id)).filter((id) => id !== undefined)
}

async function countGranted(bench: Bench): Promise<number> {
  const [found] = await bench.onStore<{ count: number }>(
    `select cast(count(*) as integer) as count
       from sessions s
       join session_users u on u.session_id = s.id
      where s.state = 'GRANTED'
        and u.login_at is not null`,
  )
  return found?.count ?? 0
}

/** Counts the brokers' connections to the data source until it is told to stop. */
function watchConnections({ world }: Bench): { stop(): Promise<number> } {
  const over = new AbortController()
  const watching = (async () => {
    let most = 0
    while (!over.signal.aborted) {
      most = Math.max(most, await connectionsOf(world.shop.cluster, world.shop.adminName))
      await sleep(100)
    }
    return most
  })()
  return {
    stop: () => {
      over.abort()
      return watching
    },
  }
}
