import type { Connection } from '../../db/connections.ts'
import type { Statement, StatementPage } from '../../db/statements.ts'
import { presentMoment, type Zones } from './moments.ts'
import type { SessionPage, StatementRow } from './session-pages.ts'
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
  { statements, next }: StatementPage,
  { shown, href, zones, connections }: StatementsFrame,
): SessionPage['statements'] {
  return {
    shown,
    rows: statements.map((statement, place) => ({
      ...presentStatement(statement, zones),
      opening:
        statement.connection === statements[place - 1]?.connection
          ? undefined
          : openingOf(statement.connection, connections, zones),
    })),
    text: statements.length === 0 ? 'No statements yet' : `${statements.length} shown`,
    nextHref:
      next === undefined ? undefined : `${href}?after=${encodeURIComponent(next)}#statements`,
  }
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
  const cut = statement.textBytes > Buffer.byteLength(statement.text)
  return {
    number: String(statement.number),
    at: presentMoment(statement.startedAt, zones),
    text: visibleLines(statement.text) + (cut ? ` … (${statement.textBytes} bytes)` : ''),
    values: statement.values.map(valueText),
    part: partOf(statement),
    outcome: outcomeOf(statement),
    tag: statement.tag ?? '-',
    rows: rows === null ? '-' : String(rows),
    time: milliseconds === null || !wasTimed(statement) ? '-' : `${milliseconds.toFixed(1)} ms`,
    error: sqlstate === null ? undefined : `${sqlstate} ${visibleLines(message ?? '')}`,
  }
}

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
