import type { Statement, StatementPage } from '../../db/statements.ts'
import { presentMoment, type Zones } from './moments.ts'
import type { SessionPage, StatementRow } from './session-pages.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** A page of statements as the session's page shows it. */
export function presentStatements(
  { statements, next }: StatementPage,
  { shown, href, zones }: { shown: boolean; href: string; zones: Zones },
): SessionPage['statements'] {
  return {
    shown,
    rows: statements.map((statement) => presentStatement(statement, zones)),
    text: statements.length === 0 ? 'No statements yet' : `${statements.length} shown`,
    nextHref:
      next === undefined ? undefined : `${href}?after=${encodeURIComponent(next)}#statements`,
  }
}

function presentStatement(statement: Statement, zones: Zones): StatementRow {
  const { milliseconds, sqlstate, message, rows } = statement
  const cut = statement.textBytes > Buffer.byteLength(statement.text)
  return {
    number: String(statement.number),
    at: presentMoment(statement.startedAt, zones),
    text: visibleLines(statement.text) + (cut ? ` … (${statement.textBytes} bytes)` : ''),
    values: statement.values.map(valueText),
    tag: statement.tag ?? '-',
    rows: rows === null ? '-' : String(rows),
    time: milliseconds === null ? '-' : `${milliseconds.toFixed(1)} ms`,
    error: sqlstate === null ? undefined : `${sqlstate} ${visibleLines(message ?? '')}`,
  }
}

function valueText(value: Statement['values'][number]): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return `'${visible(value.replaceAll("'", "''"))}'`
  return `'${visible(value.text)}' … (${value.bytes} bytes)`
}
