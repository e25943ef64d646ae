import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { SessionState } from './sessions.ts'
import { findRow, type Db } from './store.ts'

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
