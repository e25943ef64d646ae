import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import { iso, preparedRows, rows, type Db, type Transaction } from './store.ts'

export type JobKind = 'grant' | 'removal' | 'extension'

export interface NewJob {
  readonly sessionId: SessionId
  readonly kind: JobKind
  readonly dueAt: DateTime<true>
}

/** A job in the hands of one worker of one broker until its claim runs out. */
export interface ClaimedJob {
  readonly sessionId: SessionId
  readonly kind: JobKind
  /** How often it was tried before. */
  readonly tries: number
  /** Why the last try failed. */
  readonly detail: string | null
  /** What proves the claim is still ours. */
  readonly claim: string
  readonly claimedAt: DateTime<true>
}

/** Writes a job down; one that is there already keeps its tries and is due again. */
export async function putJob(db: Db, job: NewJob): Promise<void> {
  await rows(
    db,
    `insert into session_jobs (session_id, organization_id, kind, due_at)
     select s.id, s.organization_id, :kind, :dueAt
       from sessions s
      where s.id = :sessionId
         on conflict (session_id, kind) do update
        set due_at = least(session_jobs.due_at, excluded.due_at)`,
    { ...job, dueAt: iso(job.dueAt) },
  )
}

/**
 * Writes down the removals of sessions that are over, where a user may have been made; returns the
 * data sources that they are on.
 */
export async function putRemovals(db: Db, ids: readonly SessionId[]): Promise<string[]> {
  const found = await rows<{ id: string }>(
    db,
    `with put as (
       insert into session_jobs (session_id, organization_id, kind, due_at)
       select s.id, s.organization_id, 'removal', s.ended_at
         from sessions s
        where s.id = any (cast(:ids as bigint[]))
          and s.ended_at is not null
          -- an intent without a grant may have made a user already
          and exists (select from session_users u where u.session_id = s.id)
           on conflict (session_id, kind) do update
          set due_at = least(session_jobs.due_at, excluded.due_at)
    returning session_id
     )
     select distinct s.data_source_id as id
       from put
       join sessions s on s.id = put.session_id`,
    { ids },
  )
  return found.map(({ id }) => id)
}

/** Data sources with jobs of a kind that are due and in nobody's hands. */
export async function listDataSourcesWithWork(db: Db, kind: JobKind): Promise<string[]> {
  const found = await preparedRows<{ id: string }>(
    db,
    `select distinct s.data_source_id as id
       from session_jobs j
       join sessions s on s.id = j.session_id
       join data_sources d on d.id = s.data_source_id
      where ${CLAIMABLE}`,
    { kind },
  )
  return found.map(({ id }) => id)
}

export interface ClaimRequest {
  readonly kind: JobKind
  readonly dataSourceId: string
  readonly claim: string
  readonly limit: number
  /** How long the claim holds; another broker may take the job after that. */
  readonly seconds: number
}

/** Takes due jobs of one data source, oldest first, past those that others hold. */
export async function claimJobs(db: Db, request: ClaimRequest): Promise<ClaimedJob[]> {
  return preparedRows(
    db,
    `   update session_jobs
           set claimed_by = :claim, claimed_until = now() + make_interval(secs => :seconds)
         where (session_id, kind) in (
                 select j.session_id, j.kind
                   from session_jobs j
                   join sessions s on s.id = j.session_id
                   join data_sources d on d.id = s.data_source_id
                  where ${CLAIMABLE}
                    and s.data_source_id = :dataSourceId
                  order by j.due_at, j.session_id
                  limit :limit
                    for update of j skip locked)
     returning session_id as "sessionId", kind, tries, detail, claimed_by as claim,
               date_trunc('milliseconds', now()) as "claimedAt"`,
    { ...request },
  )
}

/** Holds on to claimed jobs for longer: a broker that is dead or frozen does not, and loses them. */
export async function keepClaim(db: Db, claim: string, seconds: number): Promise<void> {
  await rows(
    db,
    `update session_jobs
        set claimed_until = now() + make_interval(secs => :seconds)
      where (session_id, kind) in (
              select session_id, kind
                from session_jobs
               where claimed_by = :claim
                 and claimed_until > now()
                     -- a job whose last step is being written needs no longer claim
                 for update skip locked)`,
    { claim, seconds },
  )
}

/**
 * True while a job is still in our hands. In a transaction it stays so to the end of it; anywhere
 * else it is only true of this moment.
 */
export async function holdsClaim(db: Db | Transaction, job: ClaimedJob): Promise<boolean> {
  const [held] = await preparedRows(
    db,
    `select j.session_id
       from session_jobs j
       join sessions s on s.id = j.session_id
       join data_sources d on d.id = s.data_source_id
      where j.session_id = :sessionId
        and j.kind = :kind
        and j.claimed_by = :claim
        and j.claimed_until > clock_timestamp()
        and ${OPEN_TO_IT}
        for update of j`,
    { sessionId: job.sessionId, kind: job.kind, claim: job.claim },
  )
  return held !== undefined
}

/** Strikes a job off, unless another broker has taken it over since. */
export async function finishJob(db: Db, job: ClaimedJob): Promise<boolean> {
  return (await finishJobs(db, [job])).length > 0
}

/** Strikes off those of one claim that no other broker has taken over since; returns their sessions. */
export async function finishJobs(db: Db, jobs: readonly ClaimedJob[]): Promise<SessionId[]> {
  const finished = await preparedRows<{ id: SessionId }>(
    db,
    `   delete from session_jobs
         where session_id = any (cast(:ids as bigint[]))
           and kind = :kind
           and claimed_by = :claim
           and claimed_until > clock_timestamp()
     returning session_id as id`,
    {
      ids: jobs.map(({ sessionId }) => sessionId),
      kind: jobs[0]?.kind ?? null,
      claim: jobs[0]?.claim ?? null,
    },
  )
  return finished.map(({ id }) => id)
}

/** How a failed try is put off. */
export interface Deferral {
  readonly claim: string
  /** Absent: every job that the claim still holds. */
  readonly sessionIds?: readonly SessionId[]
  /** Why, in a sentence. */
  readonly detail: string
  /** Pauses double from the first to the longest. */
  readonly firstSeconds: number
  readonly longestSeconds: number
  /** A removal that is not done so long after its session's end is blocked. */
  readonly blockedAfterSeconds: number
}

/** A job put off. */
export interface DeferredJob {
  readonly sessionId: SessionId
  /** True where the last try failed for another reason, or there was none. */
  readonly news: boolean
  readonly blocked: boolean
  /** True once per job. */
  readonly blockedNow: boolean
}

/** Puts failed jobs off, those that the claim still holds. */
export async function deferJobs(db: Db, deferral: Deferral): Promise<DeferredJob[]> {
  return rows(
    db,
    `     with held as (
            select j.session_id, j.kind, j.detail, j.blocked_at,
                   j.kind = 'removal'
                   and s.ended_at < now() - make_interval(secs => :blockedAfterSeconds) as late
              from session_jobs j
              join sessions s on s.id = j.session_id
             where j.claimed_by = :claim
               and (cast(:ids as bigint[]) is null or j.session_id = any (cast(:ids as bigint[])))
             order by j.session_id
               for update of j)
        update session_jobs j
           set tries = j.tries + 1, detail = :detail, claimed_by = null, claimed_until = null,
               due_at = now() + make_interval(
                          secs => least(:firstSeconds * 2 ^ least(j.tries, 10), :longestSeconds)),
               blocked_at = case when held.late then coalesce(j.blocked_at, now()) else j.blocked_at end
          from held
         where j.session_id = held.session_id
           and j.kind = held.kind
     returning j.session_id as "sessionId", held.detail is distinct from :detail as news,
               j.blocked_at is not null as blocked,
               j.blocked_at is not null and held.blocked_at is null as "blockedNow"`,
    {
      claim: deferral.claim,
      ids: deferral.sessionIds ?? null,
      detail: deferral.detail,
      firstSeconds: deferral.firstSeconds,
      longestSeconds: deferral.longestSeconds,
      blockedAfterSeconds: deferral.blockedAfterSeconds,
    },
  )
}

/** Gives back what a claim still holds, as if it had not been touched. */
export async function releaseJobs(db: Db, claim: string): Promise<void> {
  await rows(
    db,
    `update session_jobs
        set claimed_by = null, claimed_until = null
      where claimed_by = :claim`,
    { claim },
  )
}

/** A data source that is disabled grants nothing new, and still takes everything back. */
const OPEN_TO_IT = `
            (j.kind <> 'grant' or d.disabled_at is null)`

const CLAIMABLE = `
            j.kind = :kind
        and j.due_at <= now()
        and (j.claimed_until is null or j.claimed_until < now())
        and ${OPEN_TO_IT}`
