import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { sentenceOf } from '../lib/errors.ts'
import {
  claimJobs,
  deferJob,
  keepClaim,
  type ClaimedJob,
  type JobKind,
} from '../db/session-jobs.ts'
import { isAlive, onDataSource, type BrokerDeps, type Target } from './data-source.ts'
import { grantSession } from './grant.ts'
import {
  deferRemoval,
  recordRemoved,
  removeElsewhere,
  removeRole,
  shutOut,
  type CutOff,
} from './removal.ts'
import { backendsRemain, endBackends, ensureSharedRoles, type FoundRole } from './session-users.ts'

/** Few, so that several brokers share what is due; removals many, so that all are shut out first. */
const GRANTS_AT_ONCE = 20
const REMOVALS_AT_ONCE = 500
/** A broker that died has its removals taken over after this long, and a role must be gone in ten. */
const CLAIM_SECONDS = 5
const CLAIM_KEPT_EVERY_MS = 1_000
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
export async function removeDue(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  await workOff(
    deps,
    { kind: 'removal', dataSourceId, limit: REMOVALS_AT_ONCE },
    (target, jobs) => removeHere(deps, target, jobs),
    (further) => finishElsewhere(deps, dataSourceId, further),
  )
}

/** What has traces in other databases too. */
interface Further {
  readonly cut: CutOff
  readonly role: FoundRole
  readonly databases: readonly string[]
}

async function removeHere(
  deps: BrokerDeps,
  target: Target,
  jobs: readonly ClaimedJob[],
): Promise<Further[]> {
  const cuts: CutOff[] = []
  for (const job of jobs) {
    const cut = await attempt({ deps, target, job }, () => shutOut(deps, target, job))
    if (cut !== undefined) cuts.push(cut)
  }
  const connected = await endBackends(
    target,
    cuts.flatMap(({ oids }) => oids),
  )
  const further: Further[] = []
  for (const cut of cuts) {
    const { job, role, oids } = cut
    await attempt({ deps, target, job }, async () => {
      if (oids.some((oid) => connected.has(oid))) throw backendsRemain()
      const databases = role === undefined ? [] : await removeRole(target, role)
      if (role !== undefined && databases.length > 0) further.push({ cut, role, databases })
      else await recordRemoved(deps, cut)
    })
  }
  return further
}

async function finishElsewhere(
  deps: BrokerDeps,
  dataSourceId: string,
  further: readonly Further[],
): Promise<void> {
  for (const each of further) {
    try {
      await removeElsewhere(deps, dataSourceId, each)
      await recordRemoved(deps, each.cut)
    } catch (error) {
      await putOff(deps, each.cut.job, error)
    }
  }
}

interface Share {
  readonly kind: JobKind
  readonly dataSourceId: string
  readonly limit: number
}

/** Works until nothing is due; `after` follows once the connection is closed. */
async function workOff<T>(
  deps: BrokerDeps,
  share: Share,
  work: (target: Target, jobs: readonly ClaimedJob[]) => Promise<T>,
  after: (result: T) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  for (;;) {
    const claim = randomUUID()
    const jobs = await claimJobs(deps.store.db, { ...share, claim, seconds: CLAIM_SECONDS })
    if (jobs.length === 0) return
    const keeping = setInterval(() => void holdOn(deps, claim), CLAIM_KEPT_EVERY_MS)
    try {
      await after(await onDataSource(deps, share.dataSourceId, (target) => work(target, jobs)))
    } catch (error) {
      // the data source can't be reached or broke off; jobs done before that are no longer ours
      deps.log.warn({ ...share, error: sentenceOf(error) }, 'a data source could not be worked on')
      for (const job of jobs) await putOff(deps, job, error)
    } finally {
      clearInterval(keeping)
    }
  }
}

async function holdOn({ store, log }: BrokerDeps, claim: string): Promise<void> {
  try {
    await keepClaim(store.db, claim, CLAIM_SECONDS)
  } catch (error) {
    log.warn({ error: sentenceOf(error) }, 'a claim could not be kept; another broker may take it')
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
