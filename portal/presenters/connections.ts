import type { Connection } from '../../db/connections.ts'
import { STATEMENTS_COUNTED_AT_MOST, type ConnectionCounts } from '../../db/statement-counts.ts'
import { counted } from './counted.ts'
import { presentMaybe, presentMoment, type Zones } from './moments.ts'
import type { ConnectionsSection } from './recording-pages.ts'
import { visible } from './visible.ts'

/** Rows of connections that are shown before the others are folded. */
const SHOWN_FIRST = 8

/** What the connections of a session are drawn with. */
export interface ConnectionsFrame {
  /** Of the session's page. */
  readonly href: string
  readonly zones: Zones
  /** By connection; undefined where there are too many to count. */
  readonly counts: ReadonlyMap<string, ConnectionCounts> | undefined
}

/** The connections of a session, oldest first. */
export function presentConnections(
  connections: readonly Connection[],
  { href, zones, counts }: ConnectionsFrame,
): ConnectionsSection {
  const rows = connections.map((connection, place) => ({
    name: `Connection ${place + 1}`,
    href: `${href}?connection=${connection.id}#statements`,
    clientIp: visible(connection.clientIp),
    database: visible(connection.database),
    application: visible(connection.applicationName),
    backendPid: connection.backendPid === null ? '-' : String(connection.backendPid),
    opened: presentMoment(connection.openedAt, zones),
    closed: presentMaybe(connection.closedAt, zones),
    why: visible(connection.closeReason ?? ''),
    statements: counts === undefined ? 'Show' : countText(counts.get(connection.id)),
  }))
  return {
    text: counted(rows.length, 'connection'),
    rows: rows.slice(0, SHOWN_FIRST),
    more: rows.slice(SHOWN_FIRST),
  }
}

function countText({ statements, errors }: ConnectionCounts = NONE): string {
  const failed = errors === 0 ? '' : `, ${counted(errors, 'error')}`
  return `${grouped(statements)} ${statements === 1 ? 'statement' : 'statements'}${failed}`
}

const NONE: ConnectionCounts = { statements: 0, errors: 0 }

/** As a session numbers its connections: `Connection 2, 10.0.0.7 to shop`. */
export function connectionName(id: string, connections: readonly Connection[]): string {
  const place = connections.findIndex((connection) => connection.id === id)
  const connection = connections[place]
  if (connection === undefined) return 'Another connection'
  return `Connection ${place + 1}, ${visible(connection.clientIp)} to ${visible(connection.database)}`
}

/** The same with the time it was opened: numbers of statements begin anew below it. */
export function connectionOpening(
  id: string,
  connections: readonly Connection[],
  zones: Zones,
): string {
  const name = connectionName(id, connections)
  const connection = connections.find((one) => one.id === id)
  if (connection === undefined) return name
  return `${name}, opened ${presentMoment(connection.openedAt, zones).text}`
}

/** How many statements and errors a session has, or one connection of it: `1,204`, `10,000+`. */
export function totalsOf(
  counts: ReadonlyMap<string, ConnectionCounts> | undefined,
  connection: string | null,
): { readonly statements: string | undefined; readonly errors: string | undefined } {
  if (counts === undefined) {
    const atLeast = `${grouped(STATEMENTS_COUNTED_AT_MOST)}+`
    return { statements: connection === null ? atLeast : undefined, errors: undefined }
  }
  const meant = [...counts].filter(([id]) => connection === null || id === connection)
  const sum = (of: (one: ConnectionCounts) => number): string =>
    grouped(meant.reduce((total, [, one]) => total + of(one), 0))
  return { statements: sum((one) => one.statements), errors: sum((one) => one.errors) }
}

/** `1,204` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}
