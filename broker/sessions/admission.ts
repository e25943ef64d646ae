import { setTimeout as sleep } from 'node:timers/promises'
import type { NewConnection } from '../../db/connections.ts'
import type { Db, Store } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { describeWindow, findEndings } from './endings.ts'
import { claimConnection, type Gate } from './gate.ts'

export { findLogin } from './gate.ts'

/** What a client asks for, once it has proven the secret. */
export interface AdmissionRequest {
  readonly connectionId: string
  readonly proxyId: string
  /** Undefined, like the user's own name, means the default database of the data source. */
  readonly database: string | undefined
  /** The start-up parameter; any value that is not "off" asks for a replication stream. */
  readonly replication: string | undefined
  readonly applicationName: string
  readonly clientIp: string
  /** How many connections a session may have at once; undefined: as its user was made for. */
  readonly most: number | undefined
}

export type Admission =
  { readonly kind: 'admitted'; readonly gate: Gate; readonly database: string } | AdmissionRefusal

export interface AdmissionRefusal {
  readonly kind: 'refused'
  readonly sqlstate: string
  readonly sentence: string
}

/** PostgreSQL's own codes (manual, "PostgreSQL Error Codes"). */
const FEATURE_NOT_SUPPORTED = '0A000'
const INVALID_AUTHORIZATION = '28000'
const INVALID_CATALOG_NAME = '3D000'
const TOO_MANY_CONNECTIONS = '53300'
const CANNOT_CONNECT_NOW = '57P03'

/** GRANTED may be a moment ahead of the data source letting the user in (step g5). */
const LOGIN_PATIENCE_MS = 2_000
const LOGIN_POLL_MS = 50
/** How long a client may wait for one of its session's places to become free. */
const PLACE_PATIENCE_MS = 500
/** Spellings of "no" that PostgreSQL takes for a boolean. */
const NO = new Set(['', '0', 'false', 'off', 'no'])

/**
 * Decides whether a client that knows the secret may open a connection now, and claims the
 * connection if so. Waits up to 2 s for a session user that is just being let in, and a moment for a
 * place: a client that has just left may knock again before its place is noted as free.
 */
export async function admit(
  { db }: Pick<Store, 'db'>,
  id: SessionId,
  request: AdmissionRequest,
): Promise<Admission> {
  const since = Date.now()
  const connection = connectionOf(id, request)
  for (let fullSince: number | undefined; ;) {
    const { gate, isClaimed } = await claimConnection(db, connection)
    const database = databaseFor(gate, request.database)
    if (isClaimed) return { kind: 'admitted', gate, database }
    const refusal = (await refuseSession(db, gate)) ?? refuseRequest(gate, request)
    if (refusal !== undefined && (!isBeingLetIn(gate) || Date.now() > since + LOGIN_PATIENCE_MS)) {
      return refusal
    }
    if (refusal === undefined) fullSince ??= Date.now()
    if (fullSince !== undefined && Date.now() > fullSince + PLACE_PATIENCE_MS) {
      return tooMany(gate, request)
    }
    await sleep(LOGIN_POLL_MS)
  }
}

function connectionOf(
  sessionId: SessionId,
  { connectionId, proxyId, database, clientIp, applicationName, ...asked }: AdmissionRequest,
): NewConnection {
  const most = wantsReplication(asked) ? 0 : asked.most
  return { id: connectionId, sessionId, proxyId, database, clientIp, applicationName, most }
}

function isBeingLetIn({ loginAt, state }: Gate): boolean {
  return loginAt === null && state === 'GRANTED'
}

function tooMany({ id, connectionLimit }: Gate, { most }: AdmissionRequest): AdmissionRefusal {
  return refuse(
    TOO_MANY_CONNECTIONS,
    `too many connections for session ${id}: at most ${String(most ?? connectionLimit)} may be open at once`,
  )
}

async function refuseSession(db: Db, gate: Gate): Promise<AdmissionRefusal | undefined> {
  const [ending] = await findEndings(db, [gate.id])
  if (ending !== undefined) {
    return refuse(INVALID_AUTHORIZATION, `${ending.sentence}; ${describeWindow(gate.snapshot)}`)
  }
  if (gate.state !== 'GRANTED') {
    return refuse(
      INVALID_AUTHORIZATION,
      `session ${gate.id} is not granted yet; ${describeWindow(gate.snapshot)}`,
    )
  }
  if (gate.dataSource.disabled) {
    return refuse(INVALID_AUTHORIZATION, `data source "${gate.dataSource.name}" is disabled`)
  }
  if (gate.loginAt === null) {
    return refuse(
      CANNOT_CONNECT_NOW,
      `session ${gate.id} is granted, but its database user can't log in yet: try again in a moment`,
    )
  }
  return undefined
}

function refuseRequest(gate: Gate, request: AdmissionRequest): AdmissionRefusal | undefined {
  const { dataSource } = gate
  const database = databaseFor(gate, request.database)
  if (wantsReplication(request)) {
    return refuse(
      FEATURE_NOT_SUPPORTED,
      `data source "${dataSource.name}" allows no replication connections`,
    )
  }
  const { databases } = dataSource
  if (databases.includes('*') || databases.includes(database)) return undefined
  return refuse(
    INVALID_CATALOG_NAME,
    `data source "${dataSource.name}" does not open database "${database}"; it opens ${databases.join(', ')}`,
  )
}

function wantsReplication({ replication }: Pick<AdmissionRequest, 'replication'>): boolean {
  return replication !== undefined && !NO.has(replication.toLowerCase())
}

/** Clients that are given no database ask for one with the user's name (libpq, "dbname"). */
export function databaseFor(
  { username, dataSource }: Pick<Gate, 'username' | 'dataSource'>,
  asked: string | undefined,
): string {
  return asked === undefined || asked === username ? dataSource.defaultDatabase : asked
}

function refuse(sqlstate: string, sentence: string): AdmissionRefusal {
  return { kind: 'refused', sqlstate, sentence }
}
