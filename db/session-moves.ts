import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { SessionState } from './sessions.ts'
import type { Scope } from './scope.ts'
import { readerOf } from './session-visibility.ts'
import { findRow, rows, type Db } from './store.ts'

/** Who brought a session into the state it is in, as the trail says it. */
export function findLastMove(
  db: Db,
  id: SessionId,
): Promise<
  { readonly state: SessionState; readonly by: string; readonly at: DateTime<true> } | undefined
> {
  return findRow(
    db,
    `select state, actor_name as by, at
       from records
      where session_id = :id
        and scope = 'session'
      order by at desc, seq desc
      limit 1`,
    { id },
  )
}

/** Who brought each of these sessions into the state it is in, by their ids. */
export async function listLastMovers(
  db: Db,
  scope: Scope,
  ids: readonly SessionId[],
): Promise<ReadonlyMap<string, Mover>> {
  const found = await rows<{ sessionId: string } & Mover>(
    db,
    `select distinct on (r.session_id) r.session_id as "sessionId", r.actor_id as id,
            r.actor_name as username
       from records r
      where r.session_id = any (cast(:ids as bigint[]))
        and r.scope = 'session'
        and (cast(:organization as uuid) is null or r.organization_id = cast(:organization as uuid))
      order by r.session_id, r.at desc, r.seq desc`,
    { organization: readerOf(scope)['organization'], ids },
  )
  return new Map(found.map(({ sessionId, ...mover }) => [sessionId, mover]))
}

/** A person or the system, as a record names them. */
export interface Mover {
  readonly id: string | null
  readonly username: string
}
