import type { DateTime } from 'luxon'
import { sentenceOf } from '../../lib/errors.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { LOGIN_UNPROVEN } from '../../db/removals.ts'
import {
  deferJobs,
  type ClaimedJob,
  type DeferredJob,
  type Deferral,
  type JobKind,
} from '../../db/session-jobs.ts'
import { getSessionNames } from '../../db/session-snapshots.ts'
import { storeTime, type Transaction } from '../../db/store.ts'
import { recordTask, type Task } from '../../db/task-records.ts'
import type { Origin } from '../../db/scope.ts'
import {
  getDataSource,
  serverErrorIn,
  type BrokerDeps,
  type Target,
} from '../sources/data-source.ts'
import { Overdue } from '../sources/deadline.ts'
import { DataSourceError } from '../errors.ts'
import { identifier } from '../sources/identifiers.ts'
import { originOfDataSource } from '../origins.ts'

const FIRST_PAUSE_SECONDS = 0.5
/**
 * A data source that can't be reached is asked again this soon, by one connection for all its jobs: with
 * the five seconds that a vain call may take, what is back is dealt with in less than ten.
 */
const UNREACHABLE_PAUSE_SECONDS = 3
/** What stands in the way of one session, on a data source that answers, is rarely gone in seconds. */
const LONGEST_PAUSE_SECONDS = 30
/** Somebody is still connected or may come back, or waits to get in. */
const SHORT_PAUSE_SECONDS = 3
const SOON: readonly string[] = ['login_remains', 'backends_remain']
/** A removal that has failed for this long is told to people. */
const BLOCKED_AFTER_SECONDS = 10

/** SQLSTATE insufficient_privilege (PostgreSQL, appendix A). */
const INSUFFICIENT_PRIVILEGE = '42501'

export interface FailedTry {
  /** Of one claim and kind. */
  readonly jobs: readonly ClaimedJob[]
  readonly error: unknown
  /** Present while the data source can be asked what is missing. */
  readonly target: Target | undefined
}

/** Puts jobs off that failed on a data source which answers. */
export async function putOff(deps: BrokerDeps, { jobs, error, target }: FailedTry): Promise<void> {
  const [first] = jobs
  if (first === undefined) return
  const { sessionId, kind, tries, claim, claimedAt } = first
  deps.log.warn({ session: sessionId, kind, tries, error: sentenceOf(error) }, 'a try failed')
  const why = target === undefined ? sentenceOf(error) : await reasonOf(target, error)
  const detail = error instanceof Overdue ? unproven(kind, why) : why
  const sessionIds = jobs.map((job) => job.sessionId)
  const longestSeconds = isShort(kind, error) ? SHORT_PAUSE_SECONDS : LONGEST_PAUSE_SECONDS
  await defer(deps, kind, { claim, sessionIds, detail, longestSeconds, claimedAt })
}

/** Puts off whatever a claim still holds, because its data source fails as a whole. */
export async function putOffAll(
  deps: BrokerDeps,
  failure: {
    readonly claim: string
    readonly kind: JobKind
    readonly error: unknown
  },
): Promise<void> {
  const { claim, kind, error } = failure
  const detail = unproven(kind, sentenceOf(error))
  await defer(deps, kind, { claim, detail, longestSeconds: UNREACHABLE_PAUSE_SECONDS })
}

/** A try that broke off, or never came to the data source, proves of no user that it is shut out. */
function unproven(kind: JobKind, why: string): string {
  return kind === 'removal' ? `${LOGIN_UNPROVEN}: ${why}` : why
}

type Put = Pick<Deferral, 'claim' | 'sessionIds' | 'detail' | 'longestSeconds'> & {
  readonly claimedAt?: DateTime<true>
}

/** What failed is recorded the first time and when the reason is another, not at every try. */
async function defer(deps: BrokerDeps, kind: JobKind, put: Put): Promise<void> {
  await deps.store.change(async (tx) => {
    const deferred = await deferJobs(tx, {
      ...put,
      firstSeconds: FIRST_PAUSE_SECONDS,
      blockedAfterSeconds: BLOCKED_AFTER_SECONDS,
    })
    const news = deferred.filter((job) => job.news || job.blockedNow)
    if (news.length > 0) await recordFailure(deps, tx, { kind, put, news })
  })
}

interface News {
  readonly kind: JobKind
  readonly put: Put
  readonly news: readonly DeferredJob[]
}

async function recordFailure(
  deps: BrokerDeps,
  tx: Transaction,
  { kind, put, news }: News,
): Promise<void> {
  const at = await storeTime(tx)
  const [first] = news
  if (first === undefined) return
  const { session, dataSource } = await getSessionNames(tx, first.sessionId)
  const origin = await originOfDataSource(tx, await getDataSource(deps.store, dataSource.id))
  const fresh = news.filter((job) => job.news)
  if (fresh.length > 0) {
    const whose = fresh.length === 1 ? session : undefined
    const waiting = whose ? '' : `${String(fresh.length)} sessions wait. `
    await recordTask(tx, origin, at, {
      task: TASK_OF[kind],
      outcome: 'failed',
      result: `${waiting}${put.detail}`,
      startedAt: put.claimedAt ?? at,
      dataSource,
      ...(whose ? { session: whose } : {}),
    })
  }
  for (const job of news.filter(({ blockedNow }) => blockedNow)) {
    deps.log.error({ session: job.sessionId, detail: put.detail }, 'a removal is blocked')
    await recordBlocked(tx, { origin, at, job, detail: put.detail })
  }
}

async function recordBlocked(
  tx: Transaction,
  {
    origin,
    at,
    job,
    detail,
  }: {
    readonly origin: Origin
    readonly at: DateTime<true>
    readonly job: DeferredJob
    readonly detail: string
  },
): Promise<void> {
  const { session, dataSource } = await getSessionNames(tx, job.sessionId)
  await appendRecord(tx, origin, at, {
    action: 'session.removal_blocked',
    area: 'sessions',
    outcome: 'failed',
    session,
    dataSource,
    reason: detail,
  })
}

const TASK_OF: Readonly<Record<JobKind, Task>> = {
  grant: 'grant',
  removal: 'removal',
  extension: 'extension',
}

function isShort(kind: JobKind, error: unknown): boolean {
  if (kind === 'grant' || kind === 'extension') return true
  return error instanceof DataSourceError && SOON.includes(error.code)
}

/** The server's sentence, what it says stands in the way, and what an administrator can do. */
export async function reasonOf(target: Target, error: unknown): Promise<string> {
  const said = serverErrorIn(error)
  const detail = said?.detail === undefined ? '' : ` (${said.detail})`
  const remedy = said?.code === INSUFFICIENT_PRIVILEGE ? await remedyForRights(target) : ''
  return `${sentenceOf(error)}${detail}${remedy}`
}

async function remedyForRights({ client }: Target): Promise<string> {
  const { rows } = await client.query<{ name: string; creates: boolean; signals: boolean }>(
    `select current_user as name, rolcreaterole or rolsuper as creates,
            rolsuper or pg_has_role('pg_signal_backend', 'usage') as signals
       from pg_roles
      where rolname = current_user`,
  )
  const sql = rows.flatMap(({ name, creates, signals }) => [
    ...(creates ? [] : [`alter role ${identifier(name)} createrole;`]),
    ...(signals ? [] : [`grant pg_signal_backend to ${identifier(name)};`]),
  ])
  return sql.length === 0 ? '' : ` An administrator runs: ${sql.join(' ')}`
}
