import type { DateTime } from 'luxon'
import type { SessionSnapshot } from '../../db/audit-log.ts'
import { CLAIM, CLAIMS_IN_TURN, type NewConnection } from '../../db/connections.ts'
import type { DataSource } from '../../db/data-sources.ts'
import { IS_OUT, type Organization } from '../../db/person.ts'
import { inOneRoundTrip } from '../../db/round-trip.ts'
import { preparedRows, type Db } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import { parseVerifier, type ScramVerifier } from '../../lib/scram.ts'
import type { SessionState } from './session.ts'

/** Who a session username belongs to, and what a client must prove to know. */
export interface Login {
  /** Undefined until the requester has asked for a credential: nothing logs in then. */
  readonly verifier: ScramVerifier | undefined
  readonly gate: Gate
}

/** All that the proxy needs to know of one session. */
export interface Gate {
  readonly id: SessionId
  readonly organization: Organization
  readonly state: SessionState
  readonly end: DateTime<true> | null
  /** By the store's clock, when this was read. */
  readonly now: DateTime<true>
  /** The same moment by this process's own steady clock (performance.now). */
  readonly readAt: number
  readonly username: string
  readonly requester: { readonly id: string; readonly username: string; readonly disabled: boolean }
  readonly snapshot: SessionSnapshot
  readonly dataSource: Reached
  /** The data source's password for the session user, sealed to the proxy. */
  readonly upstreamSealed: Buffer
  readonly connectionLimit: number
  /** When the session user was let in (step g5 of a grant). */
  readonly loginAt: DateTime<true> | null
}

/** How to reach a data source, without any login of it. */
export type Reached = Pick<
  DataSource,
  'id' | 'name' | 'host' | 'port' | 'databases' | 'defaultDatabase' | 'tlsMode' | 'tlsCa'
> & { readonly disabled: boolean }

/**
 * The session behind a session username. Ended sessions are found for 24 hours, so that the right
 * secret learns why it no longer opens anything; to a wrong one they look like nobody's.
 */
export async function findLogin(db: Db, username: string): Promise<Login | undefined> {
  const [[row]] = await inOneRoundTrip<[Row]>(db, [{ sql: LOGIN, bindings: { username } }])
  if (row === undefined) return undefined
  const verifier = row.verifier === null ? undefined : parseVerifier(row.verifier)
  return { verifier, gate: parseRow(row) }
}

/** A session with its user, as it stands now. */
export async function getGate(db: Db, id: SessionId): Promise<Gate> {
  const [row] = await preparedRows<Row>(db, `${GATE} where u.session_id = :id`, { id })
  if (row === undefined) throw new Error(`session ${id} has no user`)
  return parseRow(row)
}

/**
 * A session with its user, as it stands now, and whether one of its connections was claimed: true where it
 * may have one, and not all are taken.
 */
export async function claimConnection(
  db: Db,
  { most, database, ...connection }: NewConnection,
): Promise<{ readonly gate: Gate; readonly isClaimed: boolean }> {
  const { sessionId } = connection
  const [, [row]] = await inOneRoundTrip<[unknown, Row & { readonly isClaimed: boolean }]>(db, [
    { sql: CLAIMS_IN_TURN, bindings: { sessionId } },
    { sql: CLAIMING, bindings: { ...connection, database: database ?? null, most: most ?? null } },
  ])
  if (row === undefined) throw new Error(`session ${sessionId} has no user`)
  return { gate: parseRow(row), isClaimed: row.isClaimed }
}

/** An ended credential still tells its owner that the session is over; a replaced one tells nothing. */
const GATE = `
     select s.id, s.uuid, s.state, s.move_count as "moveCount", s.start_at as "start", s.end_at as "end",
            clock_timestamp() as now, u.username, u.upstream_sealed as "upstreamSealed",
            u.connection_limit as "connectionLimit", u.login_at as "loginAt",
            o.id as "organizationId", o.name as "organizationName", o.account_id as "accountId",
            p.id as "requesterId", p.username as "requesterName",
            ${IS_OUT} as "requesterDisabled",
            d.id as "dataSourceId", d.name as "dataSourceName", d.host, d.port, d.databases,
            d.default_database as "defaultDatabase", d.tls_mode as "tlsMode", d.tls_ca as "tlsCa",
            d.disabled_at is not null as "dataSourceDisabled",
            (select coalesce(array_agg(r.name order by r.place), '{}')
               from session_roles r
              where r.session_id = s.id) as roles,
            (select c.verifier
               from session_credentials c
              where c.session_id = s.id
                and (c.ended_at is null or c.ended_at >= s.ended_at)
              order by c.made_at desc, c.ended_at desc nulls first
              limit 1) as verifier
       from session_users u
       join sessions s on s.id = u.session_id
       join organizations o on o.id = s.organization_id
       join people p on p.id = s.requester_id
       join data_sources d on d.id = u.data_source_id`

const LOGIN = `${GATE}
      where u.username = :username
        and (s.ended_at is null or s.ended_at > now() - interval '24 hours')`

const CLAIMING = `
       with claimed as (${CLAIM}), gate as (${GATE} where u.session_id = cast(:sessionId as bigint))
     select gate.*, exists (select from claimed) as "isClaimed"
       from gate`

interface Row {
  readonly id: string
  readonly uuid: string
  readonly state: SessionState
  readonly moveCount: number
  readonly start: DateTime<true> | null
  readonly end: DateTime<true> | null
  readonly now: DateTime<true>
  readonly username: string
  readonly upstreamSealed: Buffer
  readonly connectionLimit: number
  readonly loginAt: DateTime<true> | null
  readonly organizationId: string
  readonly organizationName: string
  readonly accountId: string
  readonly requesterId: string
  readonly requesterName: string
  readonly requesterDisabled: boolean
  readonly dataSourceId: string
  readonly dataSourceName: string
  readonly host: string
  readonly port: number
  readonly databases: readonly string[]
  readonly defaultDatabase: string
  readonly tlsMode: DataSource['tlsMode']
  readonly tlsCa: string | null
  readonly dataSourceDisabled: boolean
  readonly roles: readonly string[]
  readonly verifier: string | null
}

function parseRow(row: Row): Gate {
  const id = parseSessionId(row.id)
  if (id === undefined) throw new Error(`not a session id: ${row.id}`)
  const readAt = performance.now()
  const { state, start, end, now, username, upstreamSealed, connectionLimit, loginAt } = row
  return {
    id,
    state,
    end,
    now,
    readAt,
    username,
    upstreamSealed,
    connectionLimit,
    loginAt,
    organization: {
      id: row.organizationId,
      name: row.organizationName,
      accountId: row.accountId,
    },
    requester: {
      id: row.requesterId,
      username: row.requesterName,
      disabled: row.requesterDisabled,
    },
    snapshot: {
      id,
      uuid: row.uuid,
      ordinal: row.moveCount,
      requester: row.requesterName,
      roles: row.roles,
      username,
      start,
      end,
    },
    dataSource: {
      id: row.dataSourceId,
      name: row.dataSourceName,
      host: row.host,
      port: row.port,
      databases: row.databases,
      defaultDatabase: row.defaultDatabase,
      tlsMode: row.tlsMode,
      tlsCa: row.tlsCa,
      disabled: row.dataSourceDisabled,
    },
  }
}
