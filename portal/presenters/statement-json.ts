import type { DateTime } from 'luxon'
import type { Connection } from '../../db/connections.ts'
import type { DroppedRecording } from '../../db/retention.ts'
import type { RunningStatement } from '../../db/running-statements.ts'
import type { Statement } from '../../db/statements.ts'
import { iso } from '../../db/store.ts'
import { effectOf } from '../../lib/statement-effect.ts'
import { ageOf } from './running.ts'

/**
 * A statement as the API says it, with what it changed as far as its record tells; a value too long to keep
 * is its beginning, with what proves the rest.
 */
export function statementJson(statement: Statement): Record<string, unknown> {
  return {
    ...statement,
    startedAt: iso(statement.startedAt),
    effect: effectOf(statement) ?? null,
  }
}

/** A connection as the API says it. */
export function connectionJson(connection: Connection): Record<string, unknown> {
  const { openedAt, closedAt } = connection
  return { ...connection, openedAt: iso(openedAt), closedAt: closedAt && iso(closedAt) }
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
