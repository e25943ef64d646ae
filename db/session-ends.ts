import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { SessionState } from './sessions.ts'
import { iso, rows, type Transaction } from './store.ts'

/** A session that ends together with others. */
export interface EndFacts {
  readonly id: SessionId
  readonly from: SessionState
  readonly to: SessionState
  readonly at: DateTime<true>
  readonly reason: string
}

/** Ends sessions, those that are still where the caller believes them; returns which. */
export async function endSessions(
  tx: Transaction,
  ends: readonly EndFacts[],
): Promise<SessionId[]> {
  const ended = await rows<{ id: SessionId }>(
    tx,
    `with ends as (
       select *
         from jsonb_to_recordset(cast(:ends as jsonb))
                as (id bigint, "from" text, "to" text, at timestamptz, reason text)
     ), moved as (
          update sessions s
             set state = e."to", state_since = e.at, move_count = s.move_count + 1, ended_at = e.at,
                 end_reason = e.reason
            from ends e
           where s.id = e.id
             and s.state = e."from"
       returning s.id, s.organization_id, s.move_count, e."from", e."to", e.at
     ), recorded as (
       insert into session_moves (session_id, organization_id, ordinal, from_state, to_state, at)
            select id, organization_id, move_count, "from", "to", at from moved
     )
     select id from moved`,
    { ends: JSON.stringify(ends.map((end) => ({ ...end, at: iso(end.at) }))) },
  )
  return ended.map(({ id }) => id)
}

/** Notes that the database users of ended sessions are proven gone; returns those of whom it was not known. */
export async function setRemoved(
  tx: Transaction,
  ids: readonly SessionId[],
  at: DateTime<true>,
): Promise<SessionId[]> {
  const removed = await rows<{ id: SessionId }>(
    tx,
    `   update sessions
           set removed_at = :at
         where id = any (cast(:ids as bigint[]))
           and ended_at is not null
           and removed_at is null
     returning id`,
    { ids, at: iso(at) },
  )
  return removed.map(({ id }) => id)
}

/** Takes the row locks of several sessions, in one order. */
export async function lockSessions(tx: Transaction, ids: readonly SessionId[]): Promise<void> {
  await rows(
    tx,
    `select id from sessions where id = any (cast(:ids as bigint[])) order by id for update`,
    { ids },
  )
}

/** Takes the row locks of those sessions that nobody holds; returns which. */
export async function lockFreeSessions(
  tx: Transaction,
  ids: readonly SessionId[],
): Promise<SessionId[]> {
  const free = await rows<{ id: SessionId }>(
    tx,
    `select id
       from sessions
      where id = any (cast(:ids as bigint[]))
      order by id
        for update skip locked`,
    { ids },
  )
  return free.map(({ id }) => id)
}
