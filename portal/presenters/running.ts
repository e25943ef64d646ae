import type { DateTime } from 'luxon'
import type { Connection } from '../../db/connections.ts'
import type { RunningStatement } from '../../db/running-statements.ts'
import type { Session } from '../../db/sessions.ts'
import { mayReadRecording } from '../recording.ts'
import { connectionName } from './connections.ts'
import { counted } from './counted.ts'
import { lengthText } from './moments.ts'
import type { RunningRow, RunningSection } from './recording-pages.ts'
import type { Look } from './sessions.ts'
import { presentText } from './statements.ts'
import { visible } from './visible.ts'

/** What running statements are drawn with; `connections` are those of the session, oldest first. */
export interface RunningFrame {
  readonly session: Session
  readonly connections: readonly Connection[]
  readonly look: Look
}

/** What runs right now; undefined while the session is not granted, and for those who may not read it. */
export function presentRunning(
  statements: readonly RunningStatement[],
  { session, connections, look }: RunningFrame,
): RunningSection | undefined {
  if (session.state !== 'GRANTED' || !mayReadRecording(look.scope, session)) return undefined
  return {
    href: `/sessions/${session.id}/running`,
    rows: statements.map((statement) => presentRow(statement, connections, look.now)),
    text: statements.length === 0 ? '' : counted(statements.length, 'statement'),
  }
}

/** For how long a statement has run; the clock of its proxy may be a little ahead of the store's. */
export function ageOf({ startedAt }: RunningStatement, now: DateTime<true>): number {
  return Math.max(0, now.toMillis() - startedAt.toMillis())
}

function presentRow(
  statement: RunningStatement,
  connections: readonly Connection[],
  now: DateTime<true>,
): RunningRow {
  const { rows, bytes } = statement
  const age = ageOf(statement, now)
  return {
    connection: connectionName(statement.connection, connections),
    number: String(statement.number),
    ...presentText(statement),
    kind: visible(statement.kind),
    age: lengthText(age),
    milliseconds: String(age),
    rows: String(rows),
    bytes: sizeText(bytes),
  }
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const

/** `512 bytes`, `1.5 MB`: in thousands. */
function sizeText(bytes: number): string {
  const power = bytes < 1_000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3))
  const size = bytes / 1_000 ** power
  return `${power === 0 ? String(bytes) : size.toFixed(1)} ${UNITS[power] ?? 'bytes'}`
}
