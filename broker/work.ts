import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { sentenceOf } from '../lib/errors.ts'
import { claimJobs, deferJob, type ClaimedJob, type JobKind } from '../db/session-jobs.ts'
import { isAlive, onDataSource, type BrokerDeps, type Target } from './data-source.ts'
import { grantSession } from './grant.ts'
import { cutOff, deferRemoval, recordRemoved, removeRole, type CutOff } from './removal.ts'
import { ensureSharedRoles } from './session-users.ts'

/** Few enough to be done before the claim on them runs out, even with slow answers. */
const GRANTS_AT_ONCE = 20
const REMOVALS_AT_ONCE = 100
const CLAIM_SECONDS = 60
const FIRST_PAUSE_SECONDS = 0.5
/** What can be reached again is dealt with this soon after. */
const LONGEST_PAUSE_SECONDS = 5

/** Grants what is due on one data source, over one connection, until nothing is left. */
export function grantDue(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  return workOff(
    deps,
    { kind: 'grant', dataSourceId, limit: GRANTS_AT_ONCE },
    async (target, jobs) => {
      await ensureSharedRoles(target)
      for (const job of jobs) {
        await attempt({ deps, target, job }, () => grantSession(deps, target, job))
      }
    },
  )
}

/** Removes what has ended on one data source: first everybody's access, then everybody's traces. */
export function removeDue(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  return workOff(
    deps,
    { kind: 'removal', dataSourceId, limit: REMOVALS_AT_ONCE },
    async (target, jobs) => {
      const cut: CutOff[] = []
      for (const job of jobs) {
        const done = await attempt({ deps, target, job }, () => cutOff(deps, target, job))
        if (done !== undefined) cut.push(done)
      }
      for (const each of cut) {
        await attempt({ deps, target, job: each.job }, async () => {
          if (each.role !== undefined) await removeRole(deps, target, each.role)
          await recordRemoved(deps, each)
        })
      }
    },
  )
}

interface Share {
  readonly kind: JobKind
  readonly dataSourceId: string
  readonly limit: number
}

async function workOff(
  deps: BrokerDeps,
  share: Share,
  work: (target: Target, jobs: readonly ClaimedJob[]) => Promise<void>,
): Promise<void> {
  for (;;) {
    const claim = randomUUID()
    const jobs = await claimJobs(deps.store.db, { ...share, claim, seconds: CLAIM_SECONDS })
    if (jobs.length === 0) return
    try {
      await onDataSource(deps, share.dataSourceId, (target) => work(target, jobs))
    } catch (error) {
      // the data source can't be reached or broke off; jobs done before that are no longer ours
      deps.log.warn({ ...share, error: sentenceOf(error) }, 'a data source could not be worked on')
      for (const job of jobs) await putOff(deps, job, error)
    }
  }
}

interface Attempt {
  readonly deps: BrokerDeps
  readonly target: Target
  readonly job: ClaimedJob
}

/** One failing session must not hold up the others; a failing data source holds up them all. */
async function attempt<T>(
  { deps, target, job }: Attempt,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!(await isAlive(target))) throw error
    const { sessionId, kind, tries } = job
    deps.log.warn({ session: sessionId, kind, tries, error: sentenceOf(error) }, 'a try failed')
    await putOff(deps, job, error)
    return undefined
  }
}

async function putOff(deps: BrokerDeps, job: ClaimedJob, error: unknown): Promise<void> {
  const seconds = Math.min(
    FIRST_PAUSE_SECONDS * 2 ** Math.min(job.tries, 10),
    LONGEST_PAUSE_SECONDS,
  )
  const pause = { seconds, detail: reasonOf(error) }
  if (job.kind === 'removal') await deferRemoval(deps, job, pause)
  else await deferJob(deps.store.db, job, pause)
}

/** PostgreSQL says in the detail which objects stand in the way. */
function reasonOf(error: unknown): string {
  const detail = error instanceof pg.DatabaseError ? error.detail : undefined
  return detail === undefined ? sentenceOf(error) : `${sentenceOf(error)} (${detail})`
}
