import type { SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { findSession } from './sessions.ts'
import { rows, type Db } from './store.ts'

/** How many statements one connection ran, and how many of them failed. */
export interface ConnectionCounts {
  readonly statements: number
  readonly errors: number
}

/** Counts stop here: past it people read "10,000+". */
export const STATEMENTS_COUNTED_AT_MOST = 10_000

/**
 * How many statements the connections of a session ran, by their ids; undefined where there are more
 * than STATEMENTS_COUNTED_AT_MOST. Gaps are no statements.
 */
export async function countStatements(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
): Promise<ReadonlyMap<string, ConnectionCounts> | undefined> {
  if ((await findSession(db, scope, sessionId)) === undefined) return new Map()
  const found = await rows<ConnectionCounts & { readonly connection: string }>(
    db,
    `select connection_id as connection, cast(count(*) as integer) as statements,
            cast(count(*) filter (where failed) as integer) as errors
       from (select connection_id, outcome = 'error' or sqlstate is not null as failed
               from statements
              where session_id = :sessionId
                and kind <> 'gap'
              limit :most) as counted
      group by connection_id`,
    { sessionId, most: STATEMENTS_COUNTED_AT_MOST + 1 },
  )
  const total = found.reduce((sum, { statements }) => sum + statements, 0)
  if (total > STATEMENTS_COUNTED_AT_MOST) return undefined
  return new Map(found.map(({ connection, ...counts }) => [connection, counts]))
}
