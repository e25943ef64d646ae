import type { DateTime } from 'luxon'
import { beginningOf, wellFormed } from '../lib/beginning.ts'
import type { SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { findSession } from './sessions.ts'
import { rows, type Db } from './store.ts'

/** A statement that runs at this moment, as its proxy tells. */
export interface RunningRow {
  readonly connectionId: string
  readonly sessionId: string
  readonly organizationId: string
  readonly number: number
  readonly text: string
  /** Length of the whole text. */
  readonly textBytes: number
  readonly kind: string
  /** ISO-8601, UTC. */
  readonly startedAt: string
  /** So far. */
  readonly rows: number
  readonly bytes: number
}

/** The same for readers. */
export interface RunningStatement {
  /** The id of its connection. */
  readonly connection: string
  /** Counts the statements of its connection from 1. */
  readonly number: number
  /** Without passwords, and only the beginning of a long one. */
  readonly text: string
  readonly textBytes: number
  readonly kind: string
  readonly startedAt: DateTime<true>
  /** So far. */
  readonly rows: number
  readonly bytes: number
}

/** Of a text, what is worth showing while it runs, in characters. */
const SHOWN_MOST = 10_000
/** A proxy tells every second: what was not told for so long is over, or its proxy is. */
const STALE_SECONDS = 5
const NUL = /\0/g

/** Says what runs on the connections of one proxy, in place of what it said before. */
export async function publishRunning(
  db: Db,
  proxyId: string,
  running: readonly RunningRow[],
): Promise<void> {
  const shown = running.map((row) => ({
    ...row,
    // one text that JSON can't say would keep all others from being told
    text: wellFormed(beginningOf(row.text, SHOWN_MOST)).replace(NUL, '\u2400'),
  }))
  await rows(
    db,
    `with told as (
       select *
         from json_to_recordset(cast(:running as json)) as told (
                "connectionId" uuid, "sessionId" bigint, "organizationId" uuid, number bigint, text text,
                "textBytes" bigint, kind text, "startedAt" timestamptz(3), rows bigint, bytes bigint)
     ), over as (
       delete from running_statements
        where proxy_id = :proxyId
          and connection_id not in (select "connectionId" from told)
     )
     insert into running_statements (connection_id, proxy_id, session_id, organization_id, number, text, text_bytes,
                                     kind, started_at, rows, bytes, told_at)
     select "connectionId", cast(:proxyId as uuid), "sessionId", "organizationId", number, text, "textBytes",
            kind, "startedAt", rows, bytes, now()
       from told
         on conflict (connection_id) do update
        set number = excluded.number, text = excluded.text, text_bytes = excluded.text_bytes,
            kind = excluded.kind, started_at = excluded.started_at, rows = excluded.rows, bytes = excluded.bytes,
            told_at = excluded.told_at`,
    { proxyId, running: JSON.stringify(shown) },
  )
}

/** What runs on a session at this moment, oldest first; nothing where the scope may not see the session. */
export async function listRunningStatements(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
): Promise<RunningStatement[]> {
  if ((await findSession(db, scope, sessionId)) === undefined) return []
  const found = await rows<RunningRead>(
    db,
    `select connection_id as connection, number, text, text_bytes as "textBytes", kind,
            started_at as "startedAt", rows, bytes
       from running_statements
      where session_id = :sessionId
        and told_at > now() - make_interval(secs => :stale)
      order by started_at, connection_id`,
    { sessionId, stale: STALE_SECONDS },
  )
  return found.map((row) => ({
    ...row,
    number: Number(row.number),
    textBytes: Number(row.textBytes),
    rows: Number(row.rows),
    bytes: Number(row.bytes),
  }))
}

/** PostgreSQL's bigint arrives as text; none of these outgrows a double. */
type Counted = 'number' | 'textBytes' | 'rows' | 'bytes'
type RunningRead = Omit<RunningStatement, Counted> & Readonly<Record<Counted, string>>
