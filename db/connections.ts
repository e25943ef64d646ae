import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { findSession } from './sessions.ts'
import { preparedRows, rows, type Db, type Transaction } from './store.ts'

/** One client's connection through a proxy, as a reader sees it. */
export interface Connection {
  readonly id: string
  readonly database: string
  readonly clientIp: string
  readonly applicationName: string
  /** The backend's real process id; null until the data source has answered. */
  readonly backendPid: number | null
  readonly openedAt: DateTime<true>
  readonly closedAt: DateTime<true> | null
  readonly closeReason: string | null
}

export interface NewConnection {
  readonly id: string
  readonly sessionId: SessionId
  readonly proxyId: string
  readonly database: string
  readonly clientIp: string
  readonly applicationName: string
  /** How many the session may have at once; undefined: as its user was made for. */
  readonly most?: number | undefined
}

/**
 * Claims one of the connections that a session may have open at once; false when all are taken.
 * The lock makes that count true for proxies that ask in the same moment.
 */
export async function openConnection(tx: Transaction, opened: NewConnection): Promise<boolean> {
  await preparedRows(
    tx,
    `select pg_advisory_xact_lock(hashtextextended('daypass connections', cast(:sessionId as bigint)))`,
    { sessionId: opened.sessionId },
  )
  const claimed = await preparedRows(
    tx,
    `insert into connections (id, organization_id, session_id, proxy_id, database, client_ip, application_name,
                              opened_at)
     select :id, u.organization_id, u.session_id, :proxyId, :database, :clientIp, :applicationName,
            clock_timestamp()
       from session_users u
      where u.session_id = :sessionId
        and coalesce(cast(:most as integer), u.connection_limit) > (select count(*)
                                    from connections c
                                   where c.session_id = u.session_id
                                     and c.closed_at is null)
  returning id`,
    { ...opened, most: opened.most ?? null },
  )
  return claimed.length > 0
}

/** Notes the process that serves a connection on the data source; returns when, by the store's clock. */
export async function setBackend(
  tx: Transaction,
  id: string,
  backendPid: number,
): Promise<DateTime<true>> {
  const [noted] = await preparedRows<Noted>(
    tx,
    `   update connections
           set backend_pid = :backendPid
         where id = :id
     returning date_trunc('milliseconds', clock_timestamp()) as at`,
    { id, backendPid },
  )
  if (noted === undefined) throw new Error(`connection ${id} has vanished`)
  return noted.at
}

/** Notes that a connection is over and why; returns when, or undefined where that was known. */
export async function closeConnection(
  tx: Transaction,
  id: string,
  why: string,
): Promise<DateTime<true> | undefined> {
  const [noted] = await preparedRows<Noted>(
    tx,
    `   update connections
           set closed_at = greatest(clock_timestamp(), opened_at), close_reason = :why
         where id = :id
           and closed_at is null
     returning closed_at as at`,
    { id, why },
  )
  return noted?.at
}

interface Noted {
  readonly at: DateTime<true>
}

/** A connection that a proxy left open when it crashed. */
export interface LeftOpen {
  readonly id: string
  readonly sessionId: SessionId
  readonly clientIp: string
  readonly database: string
  readonly applicationName: string
}

/** What one proxy's earlier life left open. */
export function listLeftOpen(db: Db, proxyId: string): Promise<LeftOpen[]> {
  return rows(
    db,
    `select id, session_id as "sessionId", client_ip as "clientIp", database,
            application_name as "applicationName"
       from connections
      where proxy_id = :proxyId
        and closed_at is null
      order by opened_at, id`,
    { proxyId },
  )
}

/** The connections of one session, oldest first; empty where the scope may not see it. */
export async function listConnections(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
): Promise<Connection[]> {
  if ((await findSession(db, scope, sessionId)) === undefined) return []
  return rows(
    db,
    `select id, database, client_ip as "clientIp", application_name as "applicationName",
            backend_pid as "backendPid", opened_at as "openedAt", closed_at as "closedAt",
            close_reason as "closeReason"
       from connections
      where session_id = :sessionId
      order by opened_at, id`,
    { sessionId },
  )
}
