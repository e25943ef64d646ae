import type { DateTime } from 'luxon'
import type { SessionSnapshot } from '../../db/audit-log.ts'
import { IS_OUT } from '../../db/person.ts'
import { findLastMove } from '../../db/session-moves.ts'
import { preparedRows, rows, type Db } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import type { SessionState } from './session.ts'

/** A session that no connection may live in any more, and why, as its client is told. */
export interface Ending {
  readonly id: SessionId
  readonly sentence: string
}

/** Which of these sessions are over by now, by their state or by the store's clock. */
export async function findEndings(db: Db, ids: readonly SessionId[]): Promise<Ending[]> {
  const over = await preparedRows<OverRow>(
    db,
    `select s.id, s.state, s.end_reason as "reason", ${IS_OUT} as "requesterDisabled"
       from sessions s
       join people p on p.id = s.requester_id
      where s.id = any (cast(:ids as bigint[]))
        and (s.ended_at is not null or s.end_at <= clock_timestamp() or ${IS_OUT})`,
    { ids },
  )
  return Promise.all(over.map((row) => describe(db, row)))
}

/** A session whose end was moved while it ran. */
export interface MovedEnd {
  readonly id: SessionId
  readonly end: DateTime<true>
  /** By the store's clock, when this was read. */
  readonly now: DateTime<true>
  /** The same moment by this process's own steady clock (performance.now). */
  readonly readAt: number
}

/** The ends, as they stand now, of those of these sessions that were ever extended. */
export async function findMovedEnds(db: Db, ids: readonly SessionId[]): Promise<MovedEnd[]> {
  const moved = await rows<Omit<MovedEnd, 'readAt'>>(
    db,
    `select id, end_at as "end", clock_timestamp() as now
       from sessions
      where id = any (cast(:ids as bigint[]))
        and extended_at is not null
        and end_at is not null`,
    { ids },
  )
  const readAt = performance.now()
  return moved.map((each) => ({ ...each, readAt }))
}

/** The sentence for a session whose end has come. */
export function expired(id: SessionId): string {
  return `session ${id} has expired`
}

/** When a session's window is or was, for a refusal. */
export function describeWindow({ start, end }: Pick<SessionSnapshot, 'start' | 'end'>): string {
  if (start === null || end === null) return 'its window has not begun'
  return `its window is ${written(start)} to ${written(end)}`
}

interface OverRow {
  readonly id: string
  readonly state: SessionState
  readonly reason: string | null
  readonly requesterDisabled: boolean
}

async function describe(db: Db, { id: text, state, ...row }: OverRow): Promise<Ending> {
  const id = parseSessionId(text)
  if (id === undefined) throw new Error(`not a session id: ${text}`)
  if (state !== 'CANCELED' && state !== 'TERMINATED') {
    const disabled = row.requesterDisabled && state === 'GRANTED'
    const sentence = disabled ? `session ${id} is over: its requester is disabled` : expired(id)
    return { id, sentence }
  }
  const move = await findLastMove(db, id)
  const by = move === undefined ? '' : ` by ${move.by}`
  const reason = row.reason === null || row.reason === '' ? '' : ` (${row.reason})`
  return { id, sentence: `session ${id} was ${state.toLowerCase()}${by}${reason}` }
}

function written(at: DateTime<true>): string {
  return at.toUTC().toFormat("yyyy-MM-dd HH:mm:ss 'UTC'")
}
