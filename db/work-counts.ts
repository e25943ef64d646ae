import { ALERT_RULES, type AlertRule } from './alerts.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { getRow, isOverdue, rows, type Db, type Transaction } from './store.ts'

/** How far the broker is behind, and what is wrong: numbers for whoever watches from outside. */
export interface WorkCounts {
  /** Open alerts by rule, every rule of them. */
  readonly openAlerts: ReadonlyMap<AlertRule, number>
  /** Alerts ever raised by rule, every rule of them. */
  readonly raisedAlerts: ReadonlyMap<AlertRule, number>
  /** Work of the broker that is not done, by kind. */
  readonly jobs: ReadonlyMap<string, number>
  readonly removalsPending: number
  /** Of these, those that keep failing. */
  readonly removalsBlocked: number
  /** Seconds since the end of the session whose user waits longest; 0 where none does. */
  readonly oldestRemovalSeconds: number
  /** Grants whose time has come. */
  readonly grantsDue: number
  readonly mailsWaiting: number
  /** What the broker did in the last hour, by outcome. */
  readonly tasks: ReadonlyMap<string, number>
}

/** Who asks for numbers every few seconds must never load the store: late ones are given up. */
const DEADLINE_MS = 2_000
/** Kinds that jobs may have; one without any is still a number. */
const JOB_KINDS = ['grant', 'removal', 'extension']

/** Counts what waits and what is wrong; undefined where that takes too long. */
export async function countWork(db: Db, scope: Scope): Promise<WorkCounts | undefined> {
  const organization = organizationIdOf(scope)
  try {
    return await db.transaction(async (tx) => {
      await rows(tx, `select set_config('statement_timeout', :milliseconds, true)`, {
        milliseconds: String(DEADLINE_MS),
      })
      return await count(tx, organization)
    })
  } catch (error) {
    if (isOverdue(error)) return undefined
    throw error
  }
}

async function count(tx: Transaction, organization: string | null): Promise<WorkCounts> {
  const numbers = await getRow<Numbers>(tx, NUMBERS, { organization })
  return {
    openAlerts: withZeros(numbers.openAlerts, ALERT_RULES),
    raisedAlerts: withZeros(numbers.raisedAlerts, ALERT_RULES),
    jobs: withZeros(numbers.jobs, JOB_KINDS),
    removalsPending: numbers.removalsPending,
    removalsBlocked: numbers.removalsBlocked,
    oldestRemovalSeconds: numbers.oldestRemovalSeconds,
    grantsDue: numbers.grantsDue,
    mailsWaiting: numbers.mailsWaiting,
    tasks: withZeros(numbers.tasks, ['ok', 'failed']),
  }
}

type Counted = Readonly<Record<string, number>>

interface Numbers extends Omit<WorkCounts, 'openAlerts' | 'raisedAlerts' | 'jobs' | 'tasks'> {
  readonly openAlerts: Counted
  readonly raisedAlerts: Counted
  readonly jobs: Counted
  readonly tasks: Counted
}

function withZeros<T extends string>(counted: Counted, names: readonly T[]): Map<T, number> {
  return new Map(names.map((name) => [name, counted[name] ?? 0]))
}

const NUMBERS = `
with a as (
     select rule, count(*) as raised, count(*) filter (where resolved_at is null) as open
       from alerts
      where organization_id = coalesce(cast(:organization as uuid), organization_id)
      group by rule
), j as (
     select kind, count(*) as count, count(*) filter (where blocked_at is not null) as blocked,
            count(*) filter (where due_at <= now()) as due
       from session_jobs
      where organization_id = coalesce(cast(:organization as uuid), organization_id)
      group by kind
), r as (
     select count(*) as count, extract(epoch from now() - min(s.ended_at)) as oldest
       from session_users u
       join sessions s on s.id = u.session_id
      where u.removed_at is null
        and s.ended_at is not null
        and u.organization_id = coalesce(cast(:organization as uuid), u.organization_id)
), t as (
     select outcome, count(*) as count
       from records
      where area = 'tasks'
        and organization_id = coalesce(cast(:organization as uuid), organization_id)
        and at > now() - interval '1 hour'
      group by outcome
)
select (select coalesce(json_object_agg(rule, open), '{}') from a) as "openAlerts",
       (select coalesce(json_object_agg(rule, raised), '{}') from a) as "raisedAlerts",
       (select coalesce(json_object_agg(kind, count), '{}') from j) as jobs,
       (select coalesce(json_object_agg(outcome, count), '{}') from t) as tasks,
       (select cast(count as integer) from r) as "removalsPending",
       (select cast(coalesce(sum(blocked), 0) as integer) from j where kind = 'removal') as "removalsBlocked",
       (select cast(greatest(coalesce(oldest, 0), 0) as double precision) from r) as "oldestRemovalSeconds",
       (select cast(coalesce(sum(due), 0) as integer) from j where kind = 'grant') as "grantsDue",
       (select cast(count(*) as integer)
          from mails
         where organization_id = coalesce(cast(:organization as uuid), organization_id)
           and due_at <= now()
           and sent_at is null
           and dropped_at is null) as "mailsWaiting"`
