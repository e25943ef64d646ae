import { organizationIdOf, type Scope } from './scope.ts'
import type { SessionState } from './sessions.ts'
import { rows, type Db } from './store.ts'

/** How many sessions of the scope's organization stand in each state; absent means none. */
export async function countSessions(
  db: Db,
  scope: Scope,
): Promise<ReadonlyMap<SessionState, number>> {
  const counts = await rows<{ state: SessionState; count: number }>(
    db,
    `select s.state, cast(count(*) as integer) as count
       from sessions s
      where s.organization_id = coalesce(cast(:organization as uuid), s.organization_id)
      group by s.state`,
    { organization: organizationIdOf(scope) },
  )
  return new Map(counts.map(({ state, count }) => [state, count]))
}
