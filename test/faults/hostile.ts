import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Session } from '../../db/sessions.ts'
import { until } from '../support/broker.ts'
import { awaitAlert } from '../support/oracles.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'

/** What session users do to each other with no more rights than everybody has on a server. */
export const HOSTILE: readonly Cell[] = [
  {
    name: 'a session user takes the locks of all others, again and again',
    holds: 'I2 for those who end, a start comes through, I12: an alert within 60 s',
    run: takesLocks,
  },
  {
    name: 'five session users alter themselves, leave it open, and end with a sixth',
    holds: 'I2 for all six: nobody waits for another',
    run: leavesOpen,
  },
]

/** The comment of a session user is its session's UUID, for everybody to read. */
const TAKE_ALL = `
  select pg_try_advisory_lock(hashtextextended('daypass ' || shobj_description(oid, 'pg_authid'), 0))
    from pg_roles
   where shobj_description(oid, 'pg_authid') is not null
     and rolname <> current_user`
const PAUSE_MS = 5

async function takesLocks(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const held = await bench.granted((await bench.request()).id)
  const hostile = await bench.granted((await bench.request()).id)
  await bench.enter(held)
  const attack = attackFrom(bench, hostile)
  await until('it holds a lock', () => Promise.resolve(attack.taken() > 10))
  bench.injected = true
  await bench.cancel(held.id)
  await bench.gone(performance.now(), { ids: [held.id] })
  assert.ok(await awaitAlert(bench.world, ['lock_held']), 'I12: no alert within 60 s')
  const started = performance.now()
  const next = await bench.granted((await bench.request()).id)
  bench.note(
    `granted ${((performance.now() - started) / 1_000).toFixed(1)} s after it was asked for`,
  )
  assert.equal((await bench.look(hostile.id)).state, 'GRANTED')
  await bench.cancel(next.id)
  await bench.gone(performance.now(), { ids: [next.id] })
  await bench.cancel(hostile.id)
  await bench.gone(performance.now())
  await attack.stop()
  bench.note(`its connection was ended ${String(attack.cut())} times`)
  assert.ok(attack.cut() > 1, 'who held the locks was never cut')
  await bench.sound()
}

interface Attack {
  taken(): number
  cut(): number
  stop(): Promise<void>
}

/** Comes back at once whenever it is cut, until it may not log in any more. */
function attackFrom(bench: Bench, session: Session): Attack {
  const over = new AbortController()
  let taken = 0
  let cut = 0
  const attacking = (async () => {
    while (!over.signal.aborted) {
      try {
        const client = await bench.enter(session)
        client.once('end', () => (cut += 1))
        for (;;) {
          over.signal.throwIfAborted()
          await client.query(TAKE_ALL)
          taken += 1
          await sleep(PAUSE_MS)
        }
      } catch {
        // cut off, or not let in any more: that is what is wanted
        await sleep(PAUSE_MS)
      }
    }
  })()
  const stop = (): Promise<void> => {
    over.abort()
    return attacking
  }
  bench.onClose(stop)
  return { taken: () => taken, cut: () => cut, stop }
}

async function leavesOpen(bench: Bench): Promise<void> {
  await bench.readyBroker()
  const asked = await Promise.all(Array.from({ length: 6 }, () => bench.request()))
  const [innocent, ...hostile] = await Promise.all(asked.map(({ id }) => bench.granted(id)))
  if (innocent === undefined) throw new Error('nobody was granted')
  await bench.enter(innocent)
  for (const session of hostile) {
    const client = await bench.enter(session)
    await client.query(`begin; alter role current_user password 'mine'`)
  }
  bench.injected = true
  await Promise.all(asked.map(({ id }) => bench.cancel(id)))
  await bench.gone(performance.now())
  await bench.sound()
}
