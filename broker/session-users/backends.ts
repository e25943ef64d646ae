import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, serverErrorIn, type Target } from '../sources/data-source.ts'
import { DataSourceError } from '../errors.ts'

/** Ending takes milliseconds; a backend that does not react must not hold up the others' removal. */
const DEADLINE_MS = 1_500
const PAUSE_MS = 20

/**
 * Ends every backend of these users, by OID because a dropped role has no name, until none is seen
 * twice in a row. Returns why for each OID whose backends do not end; one that we may not end, such
 * as a superuser's, keeps no other.
 */
export async function endBackends(
  target: Target,
  oids: readonly number[],
): Promise<ReadonlyMap<number, Error>> {
  try {
    const left = await endTogether(target, oids)
    return new Map([...left].map((oid) => [oid, backendsRemain()]))
  } catch (error) {
    if (!(error instanceof Error) || !(await isAlive(target))) throw error
    if (oids.length === 1) return new Map(oids.map((oid) => [oid, error]))
    const half = Math.ceil(oids.length / 2)
    const former = await endBackends(target, oids.slice(0, half))
    return new Map([...former, ...(await endBackends(target, oids.slice(half)))])
  }
}

/**
 * Tells every backend of these users to end, and does not wait until it has: for those who must not
 * stay inside while something slow is done. Before endBackends, which says why one does not end.
 */
export async function hurryBackends(target: Target, oids: readonly number[]): Promise<void> {
  if (oids.length === 0) return
  try {
    await tellToEnd(target, oids)
  } catch (error) {
    if (serverErrorIn(error) === undefined || !(await isAlive(target))) throw error
    if (oids.length === 1) return
    const half = Math.ceil(oids.length / 2)
    await hurryBackends(target, oids.slice(0, half))
    await hurryBackends(target, oids.slice(half))
  }
}

async function endTogether(target: Target, oids: readonly number[]): Promise<ReadonlySet<number>> {
  const deadline = performance.now() + DEADLINE_MS
  let left: ReadonlySet<number> = new Set()
  for (let clear = 0; clear < 2 && oids.length > 0;) {
    left = await tellToEnd(target, oids)
    clear = left.size === 0 ? clear + 1 : 0
    if (performance.now() > deadline) return left
    if (clear < 2) await sleep(PAUSE_MS)
  }
  return left
}

/** Those of them who were still there to be told. */
async function tellToEnd(
  { client }: Target,
  oids: readonly number[],
): Promise<ReadonlySet<number>> {
  const { rows } = await client.query<{ oid: number }>(
    `select usesysid as oid
       from pg_stat_activity
      where usesysid = any ($1)
      group by usesysid
     having count(pg_terminate_backend(pid)) > 0`,
    [oids],
  )
  return new Set(rows.map(({ oid }) => oid))
}

/** As endBackends, of one user. Errors: `backends_remain`. */
export async function endBackendsOf(target: Target, oid: number): Promise<void> {
  const why = (await endBackends(target, [oid])).get(oid)
  if (why !== undefined) throw why
}

function backendsRemain(): DataSourceError {
  return new DataSourceError('backends_remain', 'Its connections do not end; trying on.')
}
