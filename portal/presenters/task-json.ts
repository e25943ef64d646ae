import { iso } from '../../db/store.ts'
import type { TaskDone } from '../../db/tasks.ts'

/** A task as the API shows it; `id` is its record's. */
export function taskJson(done: TaskDone): Record<string, unknown> {
  const { id, task, sessionId, dataSource, startedAt, endedAt, result, outcome } = done
  return {
    id,
    task,
    sessionId,
    dataSource,
    startedAt: startedAt && iso(startedAt),
    endedAt: iso(endedAt),
    milliseconds: startedAt && endedAt.toMillis() - startedAt.toMillis(),
    result,
    outcome,
  }
}
