import type { Connection } from '../../db/connections.ts'
import type { DroppedRecording } from '../../db/retention.ts'
import type { Statement } from '../../db/statements.ts'
import type { Recording } from '../recording.ts'
import { counted } from './counted.ts'
import { presentMoment, type Zones } from './moments.ts'
import type { StatementRow, StatementsSection } from './recording-pages.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** What statements are drawn with; `connections` are those of the session, oldest first. */
export interface StatementsFrame {
  readonly shown: boolean
  readonly href: string
  readonly zones: Zones
  readonly connections: readonly Connection[]
}

/** A page of statements as the session's page shows it. */
export function presentStatements(
  { statements, next, dropped }: Recording,
  { shown, href, zones, connections }: StatementsFrame,
): StatementsSection {
  return {
    shown,
    rows: statements.map((statement, place) => ({
      ...presentStatement(statement, zones),
      opening:
        statement.connection === statements[place - 1]?.connection
          ? undefined
          : openingOf(statement.connection, connections, zones),
    })),
    text: statements.length > 0 ? `${statements.length} shown` : dropped ? '' : 'No statements yet',
    dropped: dropped && sayDropped(dropped, statements.length > 0, zones),
    nextHref:
      next === undefined ? undefined : `${href}?after=${encodeURIComponent(next)}#statements`,
  }
}

/** What is no longer there, and why; a part of it where later statements still are. */
function sayDropped(dropped: DroppedRecording, isPart: boolean, zones: Zones): string {
  const { statements, at, keptMonths } = dropped
  const what = isPart ? 'The older part of the recording' : 'The recording'
  const gone = `${counted(statements, 'statement')} ${statements === 1 ? 'was' : 'were'} dropped then`
  const until = presentMoment(at, zones).text
  return `${what} was kept until ${until}. ${gone}: the policy keeps recordings for ${counted(keptMonths, 'month')}.`
}

/** Numbers count the statements of one connection, so its rows stand below its name. */
function openingOf(id: string, connections: readonly Connection[], zones: Zones): string {
  const place = connections.findIndex((connection) => connection.id === id)
  const connection = connections[place]
  if (connection === undefined) return 'Another connection'
  const from = `${visible(connection.clientIp)} to ${visible(connection.database)}`
  return `Connection ${place + 1}, ${from}, opened ${presentMoment(connection.openedAt, zones).text}`
}

function presentStatement(statement: Statement, zones: Zones): Omit<StatementRow, 'opening'> {
  const { milliseconds, sqlstate, message, rows } = statement
  return {
    number: String(statement.number),
    at: presentMoment(statement.startedAt, zones),
    ...presentText(statement),
    values: statement.values.map(valueText),
    part: partOf(statement),
    outcome: outcomeOf(statement),
    tag: statement.tag ?? '-',
    rows: rows === null ? '-' : String(rows),
    time: milliseconds === null || !wasTimed(statement) ? '-' : `${milliseconds.toFixed(1)} ms`,
    error: sqlstate === null ? undefined : `${sqlstate} ${visibleLines(message ?? '')}`,
  }
}

/** A text with its whole length where it was cut. */
export function presentText({
  text,
  textBytes,
}: Pick<Statement, 'text' | 'textBytes'>): Pick<StatementRow, 'text' | 'isLong'> {
  const isCut = textBytes > Buffer.byteLength(text)
  const isLong = text.length > LONG_TEXT || text.split('\n', LONG_LINES + 1).length > LONG_LINES
  return { text: visibleLines(text) + (isCut ? ` … (${textBytes} bytes)` : ''), isLong }
}

/** What fits into the narrowest of its boxes without scrolling. */
const LONG_TEXT = 240
const LONG_LINES = 8

/** Which statement of a text that holds several; the first needs no word. */
function partOf({ part, partOf: first }: Statement): string | undefined {
  return part > 1 ? `Part ${part} of the text sent as No. ${first}` : undefined
}

/** What a tag and an error don't say; undefined where one of them says it all. */
function outcomeOf({ outcome, rolledBack }: Statement): string | undefined {
  return OUTCOMES[outcome] ?? (rolledBack ? 'Rolled back by a later error' : undefined)
}

const OUTCOMES: Readonly<Partial<Record<Statement['outcome'], string>>> = {
  skipped: 'Skipped: not run, because of an error before it',
  aborted: 'Aborted: the connection ended before its answer',
  unknown: 'Outcome unknown: the server did not say how it ended',
}

/** What never ran, or got no answer, took no time that means anything. */
function wasTimed({ outcome }: Statement): boolean {
  return outcome === 'ok' || outcome === 'error'
}

function valueText(value: Statement['values'][number]): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return `'${visible(value.replaceAll("'", "''"))}'`
  return `'${visible(value.text)}' … (${value.bytes} bytes)`
}
