import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import { findRow, iso, rows, type Db } from './store.ts'

export type JobKind = 'grant' | 'removal'

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

/** Data sources with jobs of a kind that are due and in nobody's hands. */
export async function listDataSourcesWithWork(db: Db, kind: JobKind): Promise<string[]> {
  const found = await rows<{ id: string }>(
    db,
    `select distinct s.data_source_id as id
       from session_jobs j
       join sessions s on s.id = j.session_id
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
  return rows(
    db,
    `   update session_jobs
           set claimed_by = :claim, claimed_until = now() + make_interval(secs => :seconds)
         where (session_id, kind) in (
                 select j.session_id, j.kind
                   from session_jobs j
                   join sessions s on s.id = j.session_id
                  where ${CLAIMABLE}
                    and s.data_source_id = :dataSourceId
                  order by j.due_at, j.session_id
                  limit :limit
                    for update of j skip locked)
     returning session_id as "sessionId", kind, tries, detail, claimed_by as claim`,
    { ...request },
  )
}

/** Holds on to claimed jobs for longer: a broker that is dead or frozen does not, and loses them. */
export async function keepClaim(db: Db, claim: string, seconds: number): Promise<void> {
  await rows(
    db,
    `update session_jobs
        set claimed_until = now() + make_interval(secs => :seconds)
      where claimed_by = :claim
        and claimed_until > now()`,
    { claim, seconds },
  )
}

/** Strikes a job off, unless another broker has taken it over since. */
export async function finishJob(db: Db, job: ClaimedJob): Promise<boolean> {
  const finished = await findRow(
    db,
    `   delete from session_jobs
         where session_id = :sessionId
           and kind = :kind
           and claimed_by = :claim
     returning session_id`,
    { ...job },
  )
  return finished !== undefined
}

/** Puts a failed job off, with the reason in a sentence. */
export async function deferJob(
  db: Db,
  job: ClaimedJob,
  { seconds, detail }: { readonly seconds: number; readonly detail: string },
): Promise<void> {
  await rows(
    db,
    `update session_jobs
        set tries = tries + 1, detail = :detail, due_at = now() + make_interval(secs => :seconds),
            claimed_by = null, claimed_until = null
      where session_id = :sessionId
        and kind = :kind
        and claimed_by = :claim`,
    { ...job, seconds, detail },
  )
}

/** True once per job: when its session ended so long ago that somebody must be told. */
export async function raiseBlocked(
  db: Db,
  job: ClaimedJob,
  afterSeconds: number,
): Promise<boolean> {
  const raised = await findRow(
    db,
    `   update session_jobs j
           set blocked_at = now()
          from sessions s
         where s.id = j.session_id
           and j.session_id = :sessionId
           and j.kind = :kind
           and j.blocked_at is null
           and s.ended_at < now() - make_interval(secs => :afterSeconds)
     returning j.session_id`,
    { sessionId: job.sessionId, kind: job.kind, afterSeconds },
  )
  return raised !== undefined
}

const CLAIMABLE = `
            j.kind = :kind
        and j.due_at <= now()
        and (j.claimed_until is null or j.claimed_until < now())`
