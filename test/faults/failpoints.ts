import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { STEPS, type Step } from '../../broker/scheduling/steps.ts'
import { findEndings } from '../../broker/sessions/endings.ts'
import { storyOf, until } from '../support/broker.ts'
import { ACCESS_ENDS_MS, ROLE_GONE_MS } from '../support/oracles-ends.ts'
import { ungrantedLogins } from '../support/oracles.ts'
import type { PartProcess } from '../support/part-process.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'
import { watchDoor } from './door.ts'

/** What is done at a failpoint. */
export const ACTIONS = ['kill9', 'throw', 'hang'] as const
type Action = (typeof ACTIONS)[number]

/** Nobody kills a broker that hangs: another one has to manage beside it. */
const HANGING_MS = 1_000
/** Enough for the data source to be told of it. */
const ENDS_IN_MS = 1_000
/** It keeps its claim until its own deadlines for a batch and then a step have passed (broker/session-users/batches.ts). */
const HANG_NOTICED_MS = 10_000
/** And that for handing over and dropping what a user left (broker/session-users/removal.ts). */
const HANDING_OVER = /^r[4-7]/
const HANG_NOTICED_THERE_MS = 20_000

/** Every step of a grant and of a removal, failed in every way. */
export const FAILPOINTS: readonly Cell[] = STEPS.flatMap((step) =>
  ACTIONS.map((action) => ({
    name: `${step}:${action}`,
    holds: 'I1 I2 I3 I4 I5 I8; no usable user without a durable GRANTED',
    run: (bench: Bench) => (step.startsWith('g') ? failGrant : failRemoval)(bench, step, action),
  })),
)

async function failGrant(bench: Bench, step: Step, action: Action): Promise<void> {
  const first = await bench.readyBroker({ failpoint: `${step}:${action}` })
  const { id } = await bench.request()
  const recovered = await recover(bench, { first, step, action })
  const session = await bench.granted(id)
  bench.note(`granted after ${((performance.now() - recovered) / 1_000).toFixed(1)} s`)
  assert.deepEqual(await loginsOf(bench), [session.username])
  await bench.sound()

  await bench.cancel(id)
  await bench.gone(performance.now())
  await bench.sound()
  assert.equal(await storyOf(bench.world, id), 'CREATED role_approved APPROVED GRANTED CANCELED')
}

async function failRemoval(bench: Bench, step: Step, action: Action): Promise<void> {
  const first = await bench.readyBroker({ failpoint: `${step}:${action}` })
  const { id } = await bench.request(['role3'])
  const session = await bench.granted(id)
  const client = await bench.enter(session)
  const gid = `left ${bench.world.shop.database}`
  await client.query('create table left_behind (n integer)')
  await client.query(`begin; insert into left_behind values (1); prepare transaction '${gid}'`)
  const door = await watchDoor(bench, session)
  // a removal begins with the decision, and that is the broker's own where the time runs out
  await bench.runOut([id], ENDS_IN_MS)
  await door.closesAt(ENDS_IN_MS)
  const recovered = await recover(bench, { first, step, action })
  assert.notEqual(
    (await findEndings(bench.world.proxy.db, [id])).length,
    0,
    'no proxy would cut it',
  )
  const late = HANDING_OVER.test(step) ? HANG_NOTICED_THERE_MS : HANG_NOTICED_MS
  await bench.gone(recovered, {
    accessWithinMs: ACCESS_ENDS_MS + (action === 'hang' && !HANDING_OVER.test(step) ? late : 0),
    goneWithinMs: ROLE_GONE_MS + (action === 'hang' ? late : 0),
  })
  // whoever hangs or is dead: nobody comes in any more
  bench.note(`tried the door ${String(await door.shut())} times after the end`)
  await bench.sound()
  assert.equal(await storyOf(bench.world, id), 'CREATED role_approved APPROVED GRANTED EXPIRED')
  const [left] = await bench.onShop<{ owner: string; prepared: number }>(
    `select (select tableowner from pg_tables where tablename = 'left_behind') as owner,
            (select cast(count(*) as integer) from pg_prepared_xacts where gid = $1) as prepared`,
    [gid],
  )
  assert.deepEqual(left, { owner: 'daypass_residue', prepared: 0 })
}

/** Waits for the fault and lets somebody take over; returns when that one was there. */
async function recover(
  bench: Bench,
  { first, step, action }: { first: PartProcess; step: Step; action: Action },
): Promise<number> {
  const said = await first.line(`reached ${step}`)
  assert.ok(said, `the broker ended before ${step}: ${first.printed()}`)
  bench.injected = true
  if (action === 'kill9') await first.exited()
  // the moment that counts: nobody has tidied up yet
  assert.deepEqual(await ungrantedLogins(bench.world), [])
  if (action === 'throw') return performance.now()
  if (action === 'hang') await sleep(HANGING_MS)
  await bench.readyBroker()
  return performance.now()
}

async function loginsOf(bench: Bench): Promise<(string | null)[]> {
  await until('the session user can log in', async () => (await logins(bench)).length > 0)
  return logins(bench)
}

async function logins(bench: Bench): Promise<string[]> {
  const found = await bench.onShop<{ name: string }>(
    `select r.rolname as name
       from pg_roles r
      where r.rolcanlogin
        and exists (select from pg_auth_members m where m.roleid = r.oid and m.member = to_regrole($1))`,
    [bench.world.shop.adminName],
  )
  return found.map(({ name }) => name)
}
