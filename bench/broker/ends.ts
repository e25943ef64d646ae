import pg from 'pg'
import { aboutUpstream } from '../../db/session-intents.ts'
import { getRow, rows } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { derivePartKey, open, openingKey } from '../../lib/seal.ts'
import { BareBroker } from './bare.ts'
import { percentile, type Figure } from './figures.ts'
import { awaitLogins } from './grants.ts'
import { awaitCount, storeNow, type BenchWorld } from './world.ts'

const LEAD_MS_PER_SESSION = 120
/** What removal may take before the bench gives up. */
const REMOVAL_MS = 180_000
/** Users that are connected when their time ends: as many as the data source comfortably holds. */
const CONNECTED = 100
const POLL_MS = 20

/** Many sessions that end in one second: until the last backend, and the last role, is gone. */
export async function measureEnds(bench: BenchWorld, sessions: number): Promise<Figure[]> {
  const endMs = (await storeNow(bench)) + 5_000 + sessions * LEAD_MS_PER_SESSION
  const ids: SessionId[] = []
  for (let n = 0; n < sessions; n += 1) ids.push(await bench.ask({ endMs }))
  await awaitLogins(bench, ids)
  const clients = await connectSome(bench, ids.slice(0, CONNECTED))
  if ((await storeNow(bench)) > endMs) throw new Error('granting took longer than was planned for')

  const { result: backendsGone, answers } = await bench.portal.during(() =>
    watch(bench, ids, endMs),
  )
  for (const client of clients) await client.end().catch(() => undefined)
  const { took } = await getRow<{ took: number }>(
    bench.world.owner.db,
    `select cast(extract(epoch from max(removed_at)) * 1000 as double precision) - :endMs as took
       from sessions
      where id = any (cast(:ids as bigint[]))`,
    { ids, endMs },
  )
  // beside the same probing of the portal
  const { result: bare } = await bench.portal.during(() => bareEnds(bench, sessions))
  const count = String(sessions)
  return [
    {
      what: `${count} sessions end in one second: last of ${String(clients.length)} backends gone`,
      ours: backendsGone,
      bare: bare.backends,
      goal: 'at most 5,000 ms',
    },
    {
      what: `${count} sessions end in one second: last role gone`,
      ours: took,
      bare: bare.roles,
      goal: 'within 2 x',
    },
    { what: `portal's p99 meanwhile`, ours: percentile(answers, 0.99), goal: 'under 1,000 ms' },
  ]
}

/** Connects as session users, straight to the data source: this measures the broker alone. */
async function connectSome({ world }: BenchWorld, ids: readonly SessionId[]): Promise<pg.Client[]> {
  const key = openingKey(derivePartKey(world.masterKey, 'proxy'))
  const users = await rows<{ id: SessionId; username: string; sealed: Buffer }>(
    world.owner.db,
    `select session_id as id, username, upstream_sealed as sealed
       from session_users
      where session_id = any (cast(:ids as bigint[]))`,
    { ids },
  )
  const clients: pg.Client[] = []
  for (const { id, username, sealed } of users) {
    const url = new URL(world.shop.superuserUrl)
    url.username = username
    url.password = open(key, sealed, aboutUpstream(id))
    const client = new pg.Client({ connectionString: url.href })
    client.on('error', () => undefined)
    await client.connect()
    clients.push(client)
  }
  return clients
}

/** Milliseconds after the end when the last backend was seen no more; resolves once all roles are gone. */
async function watch(bench: BenchWorld, ids: readonly SessionId[], endMs: number): Promise<number> {
  const superuser = new pg.Client({ connectionString: bench.world.shop.superuserUrl })
  await superuser.connect()
  let lastSeen = endMs
  let looking = Promise.resolve()
  const look = async (): Promise<void> => {
    const { rowCount } = await superuser.query(
      `select from pg_stat_activity where usename like 'dp\\_mark\\_%' limit 1`,
    )
    if (rowCount === 1) lastSeen = await storeNow(bench)
  }
  const poll = setInterval(() => {
    looking = looking.then(look)
  }, POLL_MS)
  const deadlineMs = endMs - (await storeNow(bench)) + REMOVAL_MS
  const removed = `select cast(count(*) as integer) as count from sessions where removed_at is not null and id in (${ids.join(', ')})`
  await awaitCount(bench.store, removed, { least: ids.length, deadlineMs })
  clearInterval(poll)
  await looking
  await superuser.end()
  return lastSeen - endMs
}

async function bareEnds(
  { store, source }: BenchWorld,
  sessions: number,
): Promise<{ readonly backends: number; readonly roles: number }> {
  const broker = new BareBroker(store, source)
  await broker.prepare(sessions)
  for (let n = 1; n <= sessions; n += 1) await broker.grant(n)
  const began = performance.now()
  for (let n = 1; n <= sessions; n += 1) await broker.decide(n)
  for (let n = 1; n <= sessions; n += 1) await broker.shutOut(n)
  await broker.endBackends()
  const backends = performance.now() - began
  for (let n = 1; n <= sessions; n += 1) await broker.remove(n)
  const roles = performance.now() - began
  await broker.tidy()
  return { backends, roles }
}
