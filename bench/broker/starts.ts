import { getRow } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { BareBroker } from './bare.ts'
import { percentile, type Figure } from './figures.ts'
import { awaitLogins } from './grants.ts'
import { storeNow, type BenchWorld } from './world.ts'

const LEAD_MS_PER_SESSION = 120
const WINDOW_MS = 30 * 60_000

/** Many sessions that begin in one second: until the last login works. */
export async function measureStarts(bench: BenchWorld, sessions: number): Promise<Figure[]> {
  const startMs = (await storeNow(bench)) + 3_000 + sessions * LEAD_MS_PER_SESSION
  const ids: SessionId[] = []
  for (let n = 0; n < sessions; n += 1) {
    ids.push(await bench.ask({ startMs, endMs: startMs + WINDOW_MS }))
  }
  if ((await storeNow(bench)) > startMs) throw new Error('asking took longer than was planned for')
  const { answers } = await bench.portal.during(() => awaitLogins(bench, ids))
  const { took } = await getRow<{ took: number }>(
    bench.world.owner.db,
    `select cast(extract(epoch from max(u.login_at)) * 1000 as double precision) - :startMs as took
       from session_users u
      where u.session_id = any (cast(:ids as bigint[]))`,
    { ids, startMs },
  )
  // beside the same probing of the portal
  const { result: bare } = await bench.portal.during(() => bareStarts(bench, sessions))
  const count = String(sessions)
  return [
    { what: `${count} sessions due in one second: last login works`, ours: took, bare },
    {
      what: `portal's p99 meanwhile`,
      ours: percentile(answers, 0.99),
      goal: 'under 1,000 ms',
    },
  ]
}

async function bareStarts({ store, source }: BenchWorld, sessions: number): Promise<number> {
  const broker = new BareBroker(store, source)
  await broker.prepare(sessions)
  const began = performance.now()
  for (let n = 1; n <= sessions; n += 1) await broker.grant(n)
  const took = performance.now() - began
  for (let n = 1; n <= sessions; n += 1) {
    await broker.decide(n)
    await broker.shutOut(n)
    await broker.remove(n)
  }
  await broker.tidy()
  return took
}
