import type { ClaimedJob } from '../../db/session-jobs.ts'
import { isAlive, type BrokerDeps, type Target } from '../sources/data-source.ts'
import { Overdue, within } from '../sources/deadline.ts'
import { putOff } from '../scheduling/deferral.ts'
import { attempt } from '../scheduling/work.ts'

/** Who works, and over which connection. */
export interface Crew {
  readonly deps: BrokerDeps
  readonly target: Target
}

const BATCH_SIZE = 25
const BATCH_DEADLINE_MS = 5_000
/** Steps that come in batches are quick ones; the longest wait in them is for a lock. */
const STEP_DEADLINE_MS = 4_000

/**
 * Does one step for many jobs: several at once where that is quick, one by one where it failed or
 * where a job failed before, so that a fault of one is its alone. Returns the results of those that
 * succeeded; the others are put off.
 */
export async function inBatches<Item extends { readonly job: ClaimedJob }, Result>(
  crew: Crew,
  items: readonly Item[],
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const fresh = items.filter(({ job }) => job.tries === 0)
  const results: Result[] = []
  for (let first = 0; first < fresh.length; first += BATCH_SIZE) {
    results.push(...(await tryBatch(crew, fresh.slice(first, first + BATCH_SIZE), work)))
  }
  const tried = items.filter(({ job }) => job.tries > 0)
  return [...results, ...(await tryEach(crew, tried, work))]
}

async function tryBatch<Item extends { readonly job: ClaimedJob }, Result>(
  crew: Crew,
  items: readonly Item[],
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  if (items.length === 1) return tryEach(crew, items, work)
  try {
    return await within(BATCH_DEADLINE_MS, 'Work on several sessions', () => work(items))
  } catch (error) {
    if (error instanceof Overdue) {
      crew.target.abandon()
      // nobody knows which of them hung: from now on each is tried by itself
      const jobs = items.map(({ job }) => job)
      await putOff(crew.deps, { jobs, error, target: undefined })
      throw error
    }
    if (!(await isAlive(crew.target))) throw error
    return tryEach(crew, items, work)
  }
}

async function tryEach<Item extends { readonly job: ClaimedJob }, Result>(
  crew: Crew,
  items: readonly Item[],
  work: (items: readonly Item[]) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const results: Result[] = []
  for (const item of items) {
    const errand = { ...crew, job: item.job }
    results.push(...((await attempt(errand, () => work([item]), STEP_DEADLINE_MS)) ?? []))
  }
  return results
}
