import type { SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { readerOf, VISIBLE } from './session-visibility.ts'
import { listSessions, type Session } from './sessions.ts'
import { rows, type Db } from './store.ts'

/** Which sessions that are over; `before` leaves out that one and those that ended after it. */
export interface HistoryFilter {
  readonly mine: boolean
  readonly showHidden: boolean
  readonly before: SessionId | undefined
  readonly limit: number
}

/** Sessions that are over, the latest end first, as far as the scope may see them. */
export async function listEndedSessions(
  db: Db,
  scope: Scope,
  filter: HistoryFilter,
): Promise<Session[]> {
  // roles and votes are read of one page alone, once it is known which sessions stand on it
  const ids = (await listEndedIds(db, scope, filter)).map(({ id }) => id)
  if (ids.length === 0) return []
  const sessions = await listSessions(db, scope, { ids, showHidden: true, limit: ids.length })
  const places = new Map(ids.map((id, place) => [id, place]))
  return sessions.sort((one, other) => (places.get(one.id) ?? 0) - (places.get(other.id) ?? 0))
}

function listEndedIds(
  db: Db,
  scope: Scope,
  { mine, showHidden, before, limit }: HistoryFilter,
): Promise<{ readonly id: SessionId }[]> {
  return rows(
    db,
    `select s.id
       from sessions s
      where ${VISIBLE}
        and s.ended_at is not null
        and (not cast(:mine as boolean) or s.requester_id = cast(:person as uuid))
        and (cast(:showHidden as boolean) or s.hidden_at is null)
        and (cast(:before as bigint) is null
             or (s.ended_at, s.id) < (select s.ended_at, s.id
                                        from sessions s
                                       where ${VISIBLE}
                                         and s.id = cast(:before as bigint)))
      order by s.ended_at desc, s.id desc
      limit :limit`,
    { ...readerOf(scope), mine, showHidden, before: before ?? null, limit },
  )
}
