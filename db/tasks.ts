import { DateTime } from 'luxon'
import { parseRecord, type AuditRecord, type RecordRow } from './audit-record.ts'
import { SearchTooBroad, type AuditCursor } from './audit-search.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { iso, isOverdue, rows, type Db } from './store.ts'
import { TASKS, type Task } from './task-records.ts'

/** Tasks of the broker, and the store's own work on its tables. */
export const TASK_NAMES = [...TASKS, 'upkeep'] as const
export type TaskName = Task | 'upkeep'

/** Which tasks are meant. */
export interface TaskFilter {
  readonly task: TaskName | null
  readonly outcome: 'ok' | 'failed' | null
  readonly session: string | null
  readonly since: DateTime<true> | null
  /** Inclusive. */
  readonly until: DateTime<true> | null
}

export interface TaskPage {
  /** Newest first. */
  readonly tasks: readonly TaskDone[]
  /** Absent on the last page. */
  readonly next?: AuditCursor | undefined
}

/** A task that did something, out of its record. */
export interface TaskDone {
  /** The record's. */
  readonly id: string
  readonly task: TaskName
  readonly sessionId: string | null
  readonly dataSource: string | null
  /** Null where the record has no start: then it was done in a moment. */
  readonly startedAt: DateTime<true> | null
  readonly endedAt: DateTime<true>
  /** In a sentence. */
  readonly result: string
  readonly outcome: 'ok' | 'failed'
}

/** Tasks on a page and in an answer of the API. */
export const TASKS_ON_A_PAGE = 100

/**
 * One page of what the broker did by itself, newest first. The caller has asked whether it may be
 * seen. A record's canonical body is searched as text: a quote inside a value would stand behind a
 * backslash there, so what a task is called is found where it is named and nowhere else. Errors:
 * SearchTooBroad.
 */
export async function listTasks(
  db: Db,
  scope: Scope,
  filter: TaskFilter,
  { cursor, size = TASKS_ON_A_PAGE }: { cursor?: AuditCursor | undefined; size?: number } = {},
): Promise<TaskPage> {
  const found = await searched(
    rows<RecordRow & { at: DateTime<true>; seq: string }>(
      db,
      `select r.at, r.seq, r.body, null as payload
         from records r
        where r.area = 'tasks'
          and r.organization_id = coalesce(cast(:organization as uuid), r.organization_id)
          and (cast(:task as text) is null or r.body like cast(:task as text))
          and (not cast(:upkeep as boolean) or r.body not like '%"task":"%')
          and (cast(:outcome as text) is null or r.outcome = cast(:outcome as text))
          and (cast(:session as bigint) is null or r.session_id = cast(:session as bigint))
          and (cast(:since as timestamptz) is null or r.at >= cast(:since as timestamptz))
          and (cast(:until as timestamptz) is null or r.at <= cast(:until as timestamptz))
          and (cast(:beforeAt as timestamptz) is null
               or (r.at <= cast(:beforeAt as timestamptz)
                   and (r.at, r.seq) < (cast(:beforeAt as timestamptz), cast(:beforeSeq as bigint))))
        order by r.at desc, r.seq desc
        limit :size`,
      {
        organization: organizationIdOf(scope),
        task: filter.task === null || filter.task === 'upkeep' ? null : named(filter.task),
        upkeep: filter.task === 'upkeep',
        outcome: filter.outcome,
        session: filter.session,
        since: filter.since && iso(filter.since),
        until: filter.until && iso(filter.until),
        beforeAt: cursor ? iso(cursor.at) : null,
        beforeSeq: cursor?.seq ?? null,
        size: size + 1,
      },
    ),
  )
  const page = found.slice(0, size)
  const last = found.length > size ? page.at(-1) : undefined
  return {
    tasks: page.map((row) => parseTask(parseRecord(row))),
    next: last && { at: last.at, seq: last.seq },
  }
}

/** A task is one of a fixed list: no wildcard can stand in it. */
function named(task: Task): string {
  return `%"task":"${task}"%`
}

async function searched<T>(search: Promise<T>): Promise<T> {
  try {
    return await search
  } catch (error) {
    throw isOverdue(error) ? new SearchTooBroad(error) : error
  }
}

function parseTask(record: AuditRecord): TaskDone {
  const { details = {}, subject } = record.body
  const startedAt = details['started_at']
  return {
    id: record.id,
    task: TASKS.find((task) => task === details['task']) ?? 'upkeep',
    sessionId: record.sessionId,
    dataSource: record.dataSource,
    startedAt: startedAt === undefined ? null : parseInstant(startedAt),
    endedAt: record.at,
    result: details['result'] ?? subjectText(subject),
    outcome: record.outcome === 'ok' ? 'ok' : 'failed',
  }
}

/** Records of the store's own functions say what was made, and no result. */
function subjectText(subject: AuditRecord['body']['subject']): string {
  if (subject === undefined) return ''
  const month = subject.type === 'partition' && MONTH_OF_PARTITION.exec(subject.name)?.[1]
  if (!month) return `${subject.type} ${subject.name}`
  const made = DateTime.fromFormat(month, 'yyyy_MM', { zone: 'utc', locale: 'en' })
  return `The partition ${subject.name} was made, for ${made.toFormat('LLLL yyyy')}.`
}

/** `statements_2027_01`. */
const MONTH_OF_PARTITION = /_(\d{4}_(?:0[1-9]|1[0-2]))$/

function parseInstant(text: string): DateTime<true> | null {
  const instant = DateTime.fromISO(text, { zone: 'utc' })
  return instant.isValid ? instant : null
}
