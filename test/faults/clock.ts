import assert from 'node:assert/strict'
import type { DateTime } from 'luxon'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { iso, rows, storeTime } from '../../db/store.ts'
import { makeBroker, storyOf, until } from '../support/broker.ts'
import { nextChange, type Way } from '../support/clock-changes.ts'
import { runOn } from '../support/world.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'

const HOUR_MS = 3_600_000

/** Far starts, the days on which clocks change, servers that are not on UTC, clocks that are wrong. */
export const CLOCK: readonly Cell[] = [
  ...[25, 30, 400].map((days): Cell => ({
    name: `a start in ${String(days)} days`,
    holds:
      days > 366
        ? 'refused with a sentence: more than a year ahead'
        : 'I5: not before its time, and then granted',
    run: (bench) => farStart(bench, days),
  })),
  ...(
    [
      { name: 'the hour that comes twice', way: 'back' },
      { name: 'the hour that is missing', way: 'forward' },
    ] as const
  ).map(({ name, way }): Cell => ({
    name: `a window over ${name} in Europe/Warsaw`,
    holds: 'I5: the window lasts as long as it says, on servers in that zone',
    run: (bench) => changingHour(bench, way),
  })),
  {
    name: 'servers that are not on UTC',
    holds: 'I5, and valid until is the same instant',
    run: (bench) => serversIn(bench, 'America/St_Johns', 'Asia/Kathmandu'),
  },
  ...[2, -1].map((hours): Cell => ({
    name: `a broker whose clock is ${hours > 0 ? '+' : ''}${String(hours)} h off`,
    holds: "I5: the store's clock decides",
    run: (bench) => wrongClock(bench, hours * HOUR_MS),
  })),
]

async function farStart(bench: Bench, days: number): Promise<void> {
  const now = await storeTime(bench.world.owner.db)
  const start = now.plus({ days })
  const asking = requestFrom(bench, start)
  if (days > 366) {
    bench.injected = true
    await assert.rejects(asking, /more than a year ahead|not right/)
    return
  }
  const { id } = await asking
  const broker = makeBroker(bench.world)
  await broker.tick()
  await broker.reconcile()
  bench.injected = true
  assert.equal((await bench.look(id)).state, 'APPROVED')
  assert.equal((await bench.look(id)).username, null)
  // a process that runs beside it, whose timers would fire at once if one were set for that long
  const beside = await bench.readyBroker()
  await moveWindow(bench, now.minus({ milliseconds: 1 }))
  await bench.granted(id)
  assert.doesNotMatch(beside.printed(), /TimeoutOverflow/)
  await bench.cancel(id)
  await bench.gone(performance.now())
  await bench.sound()
}

/** Half an hour around the next change, and ends before and after it, on servers that write times of that zone. */
async function changingHour(bench: Bench, way: Way): Promise<void> {
  await zones(bench, 'Europe/Warsaw', 'Europe/Warsaw')
  const now = await storeTime(bench.world.owner.db)
  // both ends of the window still have to come
  const change = nextChange('Europe/Warsaw', now.plus({ hours: 1 }), way)
  const [start, end] = [change.minus({ minutes: 15 }), change.plus({ minutes: 15 })]
  const { id } = await bench.request()
  await bench.onStore(`update sessions set start_at = :start, end_at = :end where id = :id`, {
    id,
    start: iso(start),
    end: iso(end),
  })
  const [stored] = await bench.onStore<{ minutes: number; turned: number }>(
    `select cast(extract(epoch from end_at - start_at) / 60 as integer) as minutes,
            cast(extract(timezone from end_at) - extract(timezone from start_at) as integer) as turned
       from sessions
      where id = :id`,
    { id },
  )
  assert.deepEqual(stored, { minutes: 30, turned: way === 'back' ? -3_600 : 3_600 })
  const session = await bench.look(id)
  assert.equal(session.start?.toMillis(), start.toMillis())
  assert.equal(session.end?.toMillis(), end.toMillis())
  await bench.cancel(id)
  bench.injected = true
  for (const until of [start, end]) await isToldEnd(bench, until)
  await bench.gone(performance.now())
  await bench.sound()
}

/** Granted now, with an end in that hour: the data source is told that very instant. */
async function isToldEnd(bench: Bench, until: DateTime<true>): Promise<void> {
  const { id } = await bench.request()
  await bench.onStore(
    `update sessions
        set start_at = clock_timestamp() - interval '1 minute', end_at = :end
      where id = :id`,
    { id, end: iso(until) },
  )
  await makeBroker(bench.world).tick()
  const [role] = await bench.onShop<{ until: Date }>(
    'select rolvaliduntil as until from pg_roles where rolname = $1',
    [(await bench.look(id)).username],
  )
  assert.equal(role?.until.getTime(), until.toMillis())
  await bench.cancel(id)
  await makeBroker(bench.world).tick()
}

async function serversIn(bench: Bench, store: string, source: string): Promise<void> {
  await zones(bench, store, source)
  await bench.readyBroker()
  const { id } = await bench.request()
  const session = await bench.granted(id)
  bench.injected = true
  const [role] = await bench.onShop<{ until: Date; zone: string }>(
    `select rolvaliduntil as until, current_setting('TimeZone') as zone from pg_roles where rolname = $1`,
    [session.username],
  )
  assert.equal(role?.zone, source)
  assert.equal(role.until.getTime(), session.end?.toMillis())
  assert.equal((session.end?.toMillis() ?? 0) - (session.start?.toMillis() ?? 0), 1_800_000)
  await bench.runOut([id])
  await bench.gone(performance.now())
  assert.equal(await storyOf(bench.world, id), 'CREATED role_approved APPROVED GRANTED EXPIRED')
  await bench.sound()
}

async function wrongClock(bench: Bench, clockOffMs: number): Promise<void> {
  const now = await storeTime(bench.world.owner.db)
  const early = await requestFrom(bench, now.plus({ minutes: 30 }))
  const due = await bench.request()
  const late = await bench.request()
  await bench.runOut([late.id])
  await bench.readyBroker({ clockOffMs })
  bench.injected = true
  const session = await bench.granted(due.id)
  await bench.gone(performance.now(), { ids: [late.id] })
  assert.equal((await bench.look(early.id)).state, 'APPROVED')
  assert.equal(await storyOf(bench.world, late.id), 'CREATED role_approved APPROVED EXPIRED')
  assert.ok(session.grantedAt && session.start && session.end)
  assert.ok(session.start <= session.grantedAt && session.grantedAt < session.end)
  const later = await storeTime(bench.world.owner.db)
  assert.ok(session.grantedAt <= later, 'granted at a time that has not come')
  await bench.cancel(due.id)
  await bench.cancel(early.id)
  await bench.gone(performance.now())
  await bench.sound()
}

function requestFrom(bench: Bench, start: DateTime<true>) {
  const { portal, scopes, origins } = bench.world
  return requestSession(portal, scopes.mark, origins.mark, {
    dataSource: 'shop',
    roles: ['role2'],
    start,
    minutes: 30,
    justification: 'ticket 7',
  })
}

/** Lets the days pass: the windows of all sessions come nearer, with the jobs for them. */
async function moveWindow(bench: Bench, start: DateTime<true>): Promise<void> {
  await bench.onStore(
    `update sessions
        set start_at = :start, end_at = cast(:start as timestamptz) + interval '30 minutes',
            dies_at = cast(:start as timestamptz) + interval '30 minutes'`,
    { start: start.toISO() },
  )
  await bench.onStore(`update session_jobs set due_at = :start`, { start: start.toISO() })
}

async function zones({ world }: Bench, store: string, source: string): Promise<void> {
  const database = new URL(world.owner.url).pathname.slice(1)
  await runOn(world.owner.url, `alter database ${database} set timezone to '${store}'`)
  await runOn(
    world.shop.superuserUrl,
    `alter database ${world.shop.database} set timezone to '${source}'`,
  )
  // only a new connection reads it, and pools hold old ones
  await runOn(
    world.owner.url,
    `select pg_terminate_backend(pid)
       from pg_stat_activity
      where datname = current_database()
        and pid <> pg_backend_pid()`,
  )
  await until('the store is in its zone', async () => (await storeZone(world)) === store)
}

async function storeZone({ owner }: Bench['world']): Promise<string | undefined> {
  const asked = rows<{ zone: string }>(owner.db, `select current_setting('TimeZone') as zone`)
  const [found] = await asked.catch(() => [])
  return found?.zone
}
