import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import { IS_OUT } from './person.ts'
import type { Scope } from './scope.ts'
import { findSession } from './sessions.ts'
import { preparedRows, rows, type Db } from './store.ts'

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
  /** As the client asked: undefined and the user's own name mean the data source's default. */
  readonly database: string | undefined
  readonly clientIp: string
  readonly applicationName: string
  /** How many the session may have at once; undefined: as its user was made for. */
  readonly most: number | undefined
}

/** To be waited for in front of CLAIM: it makes the count true for proxies that ask in the same moment. */
export const CLAIMS_IN_TURN = `
     select pg_advisory_xact_lock(hashtextextended('daypass connections', cast(:sessionId as bigint)))`

/**
 * Claims one of the connections that a session may have open at once, where it may have any now and this
 * database is open to it; returns a row if so.
 */
export const CLAIM = `
     insert into connections (id, organization_id, session_id, proxy_id, database, client_ip, application_name,
                              opened_at)
     select cast(:id as uuid), u.organization_id, u.session_id, cast(:proxyId as uuid), asked.database,
            :clientIp, :applicationName, clock_timestamp()
       from session_users u
       join sessions s on s.id = u.session_id
       join people p on p.id = s.requester_id
       join data_sources d on d.id = u.data_source_id
      cross join lateral (select coalesce(nullif(cast(:database as text), u.username), d.default_database)
                                 as database) asked
      where u.session_id = cast(:sessionId as bigint)
        and u.login_at is not null
        and s.state = 'GRANTED'
        and s.ended_at is null
        and (s.end_at > clock_timestamp()) is not false
        and not ${IS_OUT}
        and d.disabled_at is null
        and d.databases && array['*', asked.database]
        and coalesce(cast(:most as integer), u.connection_limit) > (select count(*)
                                    from connections c
                                   where c.session_id = u.session_id
                                     and c.closed_at is null)
  returning id`

/** Notes the process that serves a connection on the data source. */
export const SET_BACKEND = `
     update connections
        set backend_pid = :backendPid
      where id = :id
  returning date_trunc('milliseconds', clock_timestamp()) as at`

/** Notes that a connection is over and why, where that is not known yet. */
export const CLOSE = `
     update connections
        set closed_at = greatest(clock_timestamp(), opened_at), close_reason = :why
      where id = :id
        and closed_at is null
  returning closed_at as at`

/** Notes that a connection is over and why, where that is not known yet; its record is its caller's. */
export async function closeConnection(db: Db, id: string, why: string): Promise<void> {
  await preparedRows(db, CLOSE, { id, why })
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
