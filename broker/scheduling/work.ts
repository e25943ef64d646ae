import { randomUUID } from 'node:crypto'
import { sentenceOf } from '../../lib/errors.ts'
import {
  claimJobs,
  holdsClaim,
  keepClaim,
  releaseJobs,
  type ClaimedJob,
  type JobKind,
} from '../../db/session-jobs.ts'
import type { Db } from '../../db/store.ts'
import { DataSourceError } from '../errors.ts'
import { isAlive, onDataSource, type BrokerDeps, type Target } from '../sources/data-source.ts'
import { Overdue, within } from '../sources/deadline.ts'
import { putOff, putOffAll } from './deferral.ts'

/**
 * A broker that died has its jobs taken over after this long: the door must be shut within five seconds
 * of the end, and the role gone in ten.
 */
const CLAIM_SECONDS = 3
const CLAIM_KEPT_EVERY_MS = 1_000
/** No single job may take longer, whatever it waits for: those behind it have waited, too. */
const JOB_DEADLINE_MS = 10_000
/** What nothing should reach, because every call in it has a deadline of its own. */
const ROUND_DEADLINE_MS = 120_000

/** What is due after so long is left to the next tick, so that others in the lane have their turn. */
const TURN_MS = 30_000

/** Jobs of one kind on one data source. */
export interface Share {
  readonly kind: JobKind
  readonly dataSourceId: string
  /** How many one claim takes: few, where several brokers should share what is due. */
  readonly limit: number
}

/**
 * Works off what is due, over the connection of its lane; `after` follows each round. What a round
 * neither finishes nor puts off is claimed again by the next.
 */
export async function workOff<T>(
  deps: BrokerDeps,
  share: Share,
  work: (target: Target, jobs: readonly ClaimedJob[]) => Promise<T>,
  after: (result: T) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const turn = performance.now() + TURN_MS
  while (performance.now() < turn) {
    const claim = randomUUID()
    const jobs = await claimJobs(deps.store.db, { ...share, claim, seconds: CLAIM_SECONDS })
    if (jobs.length === 0) return
    const keeping = setInterval(() => void holdOn(deps, claim), CLAIM_KEPT_EVERY_MS)
    try {
      const visit = (target: Target): Promise<T> => work(target, jobs)
      const lane = share.kind === 'removal' ? 'removal' : 'other'
      const how = { lane, deadlineMs: ROUND_DEADLINE_MS } as const
      await after(await onDataSource(deps, share.dataSourceId, visit, how))
      await releaseJobs(deps.store.db, claim)
    } catch (error) {
      await giveUp(deps, { share, claim, error })
    } finally {
      clearInterval(keeping)
    }
  }
}

/** What one job is tried with. */
export interface Errand {
  readonly deps: BrokerDeps
  readonly target: Target
  readonly job: ClaimedJob
}

/**
 * Tries one job; a failure puts it off and holds up no other. Errors: what shows that the data
 * source fails and not the job, and `overdue`, after which the connection is not to be used again.
 */
export async function attempt<T>(
  { deps, target, job }: Errand,
  work: () => Promise<T>,
  milliseconds = JOB_DEADLINE_MS,
): Promise<T | undefined> {
  try {
    return await within(milliseconds, `The ${job.kind} of session ${job.sessionId}`, work)
  } catch (error) {
    const overdue = error instanceof Overdue
    if (overdue) target.abandon()
    else if (!(await isAlive(target))) throw error
    await putOff(deps, { jobs: [job], error, target: overdue ? undefined : target })
    if (overdue) throw error
    return undefined
  }
}

/** Errors: `claim_lost`, before anything is changed by one who was taken for dead. */
export async function refuseLost(db: Db, job: ClaimedJob): Promise<void> {
  if (await holdsClaim(db, job)) return
  throw new DataSourceError(
    'claim_lost',
    'Its data source was disabled, or another broker has taken over.',
  )
}

interface Failure {
  readonly share: Share
  readonly claim: string
  readonly error: unknown
}

async function giveUp(deps: BrokerDeps, { share, claim, error }: Failure): Promise<void> {
  deps.log.warn({ ...share, error: sentenceOf(error) }, 'a data source could not be worked on')
  // the one that hung has been put off; those behind it are not at fault
  if (error instanceof Overdue) await releaseJobs(deps.store.db, claim)
  // the data source can't be reached or broke off; jobs done before that are no longer ours
  else await putOffAll(deps, { ...share, claim, error })
}

async function holdOn({ store, log }: BrokerDeps, claim: string): Promise<void> {
  try {
    await keepClaim(store.db, claim, CLAIM_SECONDS)
  } catch (error) {
    log.warn({ error: sentenceOf(error) }, 'a claim could not be kept; another broker may take it')
  }
}
