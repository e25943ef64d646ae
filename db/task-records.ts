import type { DateTime } from 'luxon'
import { appendRecord, type RecordDraft, type SessionSnapshot } from './audit-log.ts'
import type { Origin } from './scope.ts'
import { iso, type Transaction } from './store.ts'

/** What the broker does by itself, in the words of the page that lists it. */
export const TASKS = [
  'grant',
  'removal',
  'expiry',
  'termination',
  'extension',
  'reconcile',
  'comparison',
  'check',
  'mail',
  'retention',
  'accounts',
] as const
export type Task = (typeof TASKS)[number]

/** One piece of the broker's own work that changed something, or failed to. */
export interface TaskRun {
  readonly task: Task
  readonly outcome: 'ok' | 'failed'
  /** In a sentence. */
  readonly result: string
  readonly startedAt: DateTime<true>
  readonly session?: SessionSnapshot
  readonly dataSource?: { readonly id: string; readonly name: string }
}

/** Writes what a task did, in the transaction that makes it so; `at` is when it ended. */
export async function recordTask(
  tx: Transaction,
  origin: Origin,
  at: DateTime<true>,
  run: TaskRun,
): Promise<void> {
  await appendRecord(tx, origin, at, taskDraft(at, run))
}

/** The record of what a task did, for those who write several at once. */
export function taskDraft(
  at: DateTime<true>,
  { task, outcome, result, startedAt, session, dataSource }: TaskRun,
): RecordDraft {
  return {
    action: outcome === 'ok' ? 'task.succeeded' : 'task.failed',
    area: 'tasks',
    outcome,
    subject: { type: 'task', id: task, name: task },
    ...(session ? { session } : {}),
    ...(dataSource ? { dataSource } : {}),
    details: { task, started_at: iso(startedAt), ended_at: iso(at), result },
  }
}
