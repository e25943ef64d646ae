import pg from 'pg'
import { getRow } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { BareBroker } from './bare.ts'
import { percentile, type Figure } from './figures.ts'
import { awaitCount, storeNow, type BenchWorld } from './world.ts'

const WINDOW_MS = 30 * 60_000
const HOPS = 200
/** A thousand sessions are asked for minutes before they begin. */
const ALL_MS = 400_000

/** From approval to a login that works, one after another, in turn with bare SQL. */
export async function measureGrants(bench: BenchWorld, rounds: number): Promise<Figure[]> {
  const ours: Took[] = []
  const bare: number[] = []
  const broker = new BareBroker(bench.store, bench.source)
  await broker.prepare(rounds)
  for (let round = 1; round <= rounds; round += 1) {
    ours.push(await grantOne(bench))
    const began = performance.now()
    await broker.grant(round)
    bare.push(performance.now() - began)
  }
  for (let round = 1; round <= rounds; round += 1) {
    await broker.decide(round)
    await broker.shutOut(round)
    await broker.remove(round)
  }
  await broker.tidy()
  const hop = await measureNotices(bench)
  const beside = percentile(bare, 0.5) + hop
  const sinceCommit = ours.map((took) => took.sinceCommit)
  return [
    {
      what: 'approval to usable login, p50',
      ours: percentile(sinceCommit, 0.5),
      bare: beside,
      goal: 'under 2 x (bare + one NOTIFY hop)',
    },
    {
      what: 'approval to usable login, p99',
      ours: percentile(sinceCommit, 0.99),
      bare: percentile(bare, 0.99) + hop,
    },
    {
      what: 'the same from the decision, its own transaction included, p50',
      ours: percentile(
        ours.map((took) => took.sinceDecision),
        0.5,
      ),
    },
    { what: 'one NOTIFY hop, p50', ours: hop },
  ]
}

/** Until the login was noted, by the store's clock, which is this machine's. */
interface Took {
  readonly sinceDecision: number
  /** From where bare SQL begins, too: the approval is committed. */
  readonly sinceCommit: number
}

async function grantOne(bench: BenchWorld): Promise<Took> {
  const id = await bench.ask({ endMs: (await storeNow(bench)) + WINDOW_MS })
  const committed = Date.now()
  await awaitLogins(bench, [id])
  const { decided, login } = await getRow<{ decided: number; login: number }>(
    bench.world.owner.db,
    `select cast(extract(epoch from m.at) * 1000 as double precision) as decided,
            cast(extract(epoch from u.login_at) * 1000 as double precision) as login
       from session_users u
       join session_moves m on m.session_id = u.session_id and m.to_state = 'APPROVED'
      where u.session_id = :id`,
    { id },
  )
  return { sinceDecision: login - decided, sinceCommit: login - committed }
}

/** Waits until all these sessions may log in. */
export async function awaitLogins({ store }: BenchWorld, ids: readonly SessionId[]): Promise<void> {
  const list = ids.join(', ')
  const sql = `select cast(count(*) as integer) as count from session_users where login_at is not null and session_id in (${list})`
  await awaitCount(store, sql, { least: ids.length, deadlineMs: ALL_MS })
}

/** How long a notice takes from its commit to another connection. */
async function measureNotices({ world, store }: BenchWorld): Promise<number> {
  const listener = new pg.Client({ connectionString: world.owner.url })
  await listener.connect()
  await listener.query('listen bench_hop')
  const hops: number[] = []
  for (let hop = 0; hop < HOPS; hop += 1) {
    const heard = new Promise<void>((resolve) => listener.once('notification', () => resolve()))
    const began = performance.now()
    await store.query('notify bench_hop')
    await heard
    hops.push(performance.now() - began)
  }
  await listener.end()
  return percentile(hops, 0.5)
}
