import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Step } from '../../broker/scheduling/steps.ts'
import { storyOf, until } from '../support/broker.ts'
import { listOurRoles } from '../support/oracles.ts'
import {
  ACCESS_ENDS_MS,
  Late,
  PROXY_CUTS_MS,
  ROLE_GONE_MS,
  seconds,
} from '../support/oracles-ends.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'
import { enterByProxy } from './inside.ts'

/** One broker that is left in the dark, and one that wakes up late. */
export const BROKERS: readonly Cell[] = [
  {
    name: 'the commit is acknowledged and the reply is lost',
    holds: 'I1 I2: the retry finds the role by its comment; no second role',
    run: replyLost,
  },
  {
    name: 'a broker hangs before it takes the login of a session that was canceled',
    holds: 'proxies cut within 2 s and let nobody in; I2 from when it is given up',
    run: hangsBeforeNologin,
  },
  {
    name: 'a broker frozen while another took over, then thawed',
    holds:
      'its late writes change nothing (frozen past its claims of 3 s; 60 s would show no more)',
    run: frozenBroker,
  },
  ...(['g1.after', 'g2.after', 'g3.after', 'g4.after'] as const).map((step): Cell => ({
    name: `a broker frozen at ${step} while another took over, then thawed`,
    holds: 'its late writes change nothing: no role is made, not for a moment',
    run: (bench) => lateWriter(bench, step),
  })),
]

async function replyLost(bench: Bench): Promise<void> {
  const relay = await bench.relay()
  await bench.pointAt(relay.port)
  const { id } = await bench.request()
  const lost = relay.loseReplyTo('commit')
  await bench.readyBroker()
  await lost
  bench.injected = true
  const session = await bench.granted(id)
  assert.deepEqual(
    (await listOurRoles(bench.world)).map(({ name }) => name),
    [session.username],
  )
  // the same at the end: the commit that takes the login away
  const again = relay.loseReplyTo('commit')
  await bench.cancel(id)
  await again
  await bench.gone(performance.now())
  await bench.sound()
}

/** It keeps its claim for as long as a batch and then a step may take (broker/session-users/batches.ts). */
const GIVEN_UP_MS = 10_000

async function hangsBeforeNologin(bench: Bench): Promise<void> {
  const hanging = await bench.readyBroker({ failpoint: 'r2.inside:hang' })
  const { id } = await bench.granted((await bench.request()).id)
  const inside = await enterByProxy(bench, id)
  await bench.cancel(id)
  const end = performance.now()
  assert.ok(await hanging.line('reached r2.inside'), hanging.printed())
  bench.injected = true
  await until('the proxy cut', () => Promise.resolve(inside.cutAt() !== undefined))
  const cut = inside.cutAt() ?? Infinity
  bench.note(`the proxy cut after ${seconds(cut - end)}: ${inside.farewell()}`)
  if (cut > end + PROXY_CUTS_MS) throw new Late(`the proxy cut after ${seconds(cut - end)}`)
  assert.equal(await inside.knock(), false)
  await bench.gone(end, {
    accessWithinMs: GIVEN_UP_MS + ACCESS_ENDS_MS,
    goneWithinMs: GIVEN_UP_MS + ROLE_GONE_MS,
  })
  assert.equal(await inside.knock(), false)
  await bench.sound()
}

async function frozenBroker(bench: Bench): Promise<void> {
  const frozen = await bench.readyBroker()
  // stopped in the middle of anything, with sessions of both kinds under way
  const asked = await Promise.all(Array.from({ length: 40 }, () => bench.request()))
  frozen.freeze()
  bench.injected = true
  const other = await bench.readyBroker()
  for (const { id } of asked) await bench.granted(id)
  await Promise.all(asked.map(({ id }) => bench.cancel(id)))
  await bench.gone(performance.now())
  await sleep(5_000)
  const before = await bench.onStore(CHANGED)
  frozen.thaw()
  await noneIsMade(bench)
  assert.deepEqual(await bench.onStore(CHANGED), before)
  await other.kill()
  await bench.sound()
}

/** What a broker that was taken for dead must not touch. */
const CHANGED = `
  select session_id, username, role_oid, login_at, removed_at from session_users order by session_id`
const WATCHED_MS = 3_000

/** Stopped between its intent and the making, or before g3 or g4: by then all that is over. */
async function lateWriter(bench: Bench, step: Step): Promise<void> {
  const late = await bench.readyBroker({ failpoint: `${step}:freeze` })
  const { id } = await bench.request()
  assert.ok(await late.line(`reached ${step}`), late.printed())
  bench.injected = true
  // as when its claim runs out, and so soon that no deadline of its own has passed when it wakes up
  await bench.onStore(`update session_jobs set claimed_until = now() - interval '1 second'`)
  const other = await bench.readyBroker()
  await bench.granted(id)
  await bench.cancel(id)
  await bench.gone(performance.now())
  await other.kill()
  const before = await bench.onStore(CHANGED)
  late.thaw()
  await noneIsMade(bench)
  assert.deepEqual(await bench.onStore(CHANGED), before)
  assert.equal(await storyOf(bench.world, id), 'CREATED role_approved APPROVED GRANTED CANCELED')
  await bench.sound()
}

/** Not for a moment: whoever comes back later and tidies up must not hide it. */
async function noneIsMade({ world }: Bench): Promise<void> {
  const stop = performance.now() + WATCHED_MS
  while (performance.now() < stop) {
    assert.deepEqual(await listOurRoles(world), [])
    await sleep(10)
  }
}
