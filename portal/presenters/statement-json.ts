import type { DateTime } from 'luxon'
import type { DroppedRecording } from '../../db/retention.ts'
import type { RunningStatement } from '../../db/running-statements.ts'
import type { Statement } from '../../db/statements.ts'
import { iso } from '../../db/store.ts'
import { ageOf } from './running.ts'

/** A statement as the API says it; a value too long to keep is its beginning, with what proves the rest. */
export function statementJson(statement: Statement): Record<string, unknown> {
  return { ...statement, startedAt: iso(statement.startedAt) }
}

/** A statement that runs, with how long it has. */
export function runningJson(
  statement: RunningStatement,
  now: DateTime<true>,
): Record<string, unknown> {
  return {
    ...statement,
    startedAt: iso(statement.startedAt),
    milliseconds: ageOf(statement, now),
  }
}

/** What the policy no longer kept. */
export function droppedJson(dropped: DroppedRecording): Record<string, unknown> {
  return { ...dropped, at: iso(dropped.at) }
}
