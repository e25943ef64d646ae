import type { DateTime } from 'luxon'
import type { Connection } from '../../db/connections.ts'
import type { DroppedRecording } from '../../db/retention.ts'
import type { Statement } from '../../db/statements.ts'
import type { Recording } from '../recording.ts'
import { connectionOpening, grouped } from './connections.ts'
import { counted } from './counted.ts'
import { presentMoment, type Zones } from './moments.ts'
import type { SearchSection, StatementRow, StatementsSection } from './recording-pages.ts'
import { foldSql, markFound, sqlSpans, type SqlSpan } from './sql-spans.ts'
import { marksOf, outcomeOf } from './statement-marks.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'
import { offsetText } from './zones.ts'

/** What rows of statements are drawn with; `connections` are those of the session, oldest first. */
export interface RowsFrame {
  /** Of the session's page. */
  readonly href: string
  readonly zones: Zones
  readonly connections: readonly Connection[]
  /** What was searched for: marked where it stands. */
  readonly sought?: string | undefined
}

/** What a page of statements is drawn with beside them. */
export interface StatementsFrame extends RowsFrame {
  readonly shown: boolean
  readonly search: SearchSection
  /** Why there is nothing yet, for who has never seen a session. */
  readonly empty: string
  /** The session has not begun. */
  readonly isAhead: boolean
}

/** A page of statements as the session's page shows it. */
export function presentStatements(
  { statements, next, dropped }: Recording,
  { shown, search, empty, isAhead, ...frame }: StatementsFrame,
): StatementsSection {
  return {
    shown,
    search,
    rows: presentRows(statements, { ...frame, sought: search.q.value }),
    empty: search.isActive ? 'No statement fits.' : empty,
    isAhead,
    dropped: dropped && sayDropped(dropped, statements.length > 0, frame.zones),
    nextHref: next === undefined ? undefined : search.pageHref(next),
    firstHref: search.isPaged ? search.pageHref() : undefined,
    exportHrefs: exportsOf(frame.href),
  }
}

function exportsOf(href: string): StatementsSection['exportHrefs'] {
  return [
    { label: 'Text', href: `${href}/statements/download?format=text` },
    { label: 'JSON lines', href: `${href}/statements/download?format=jsonl` },
  ]
}

const FOLD = { characters: 500, lines: 8 }
/** Of a text, what a page of many shows in characters; the statement's own page shows all. */
const TEXT_MOST = 8_000
/** The same where a page holds much already. */
const TEXT_LEAST = 1_000
/** Of all texts together: every character may need a span of its own. */
const PAGE_MOST = 200_000
const VALUES_FIRST = 10
const VALUES_MOST = 100
/** Of a value on a page of many. */
const VALUE_MOST = 200

/** Statements in their order, with the connection and the day named wherever they change. */
export function presentRows(statements: readonly Statement[], frame: RowsFrame): StatementRow[] {
  let day = ''
  let room = PAGE_MOST
  return statements.map((statement, place) => {
    const local = statement.startedAt.setZone(frame.zones.central)
    const isOther = statement.connection !== statements[place - 1]?.connection
    const itsDay = dayText(local)
    const isNewDay = itsDay !== day
    day = itsDay
    const most = Math.max(TEXT_LEAST, Math.min(TEXT_MOST, room))
    room -= Math.min(statement.text.length, most)
    return {
      ...presentStatement(statement, frame, most),
      time: local.toFormat('HH:mm:ss.SSS'),
      opening: isOther
        ? connectionOpening(statement.connection, frame.connections, frame.zones)
        : undefined,
      day: isNewDay ? itsDay : undefined,
    }
  })
}

/** With the offset, as it changes on days with a clock change. */
function dayText(local: DateTime): string {
  return `${local.toFormat('yyyy-LL-dd')}, ${offsetText(local)}`
}

/** What is no longer there, and why; a part of it where later statements still are. */
export function sayDropped(dropped: DroppedRecording, isPart: boolean, zones: Zones): string {
  const { statements, at, keptMonths } = dropped
  const what = isPart ? 'The older part of the recording' : 'The recording'
  const gone = `${counted(statements, 'statement')} ${statements === 1 ? 'was' : 'were'} dropped then`
  const until = presentMoment(at, zones).text
  return `${what} was kept until ${until}. ${gone}: the policy keeps recordings for ${counted(keptMonths, 'month')}.`
}

/** Where one statement has a page of its own. */
export function statementHref(
  href: string,
  { connection, number }: Pick<Statement, 'connection' | 'number'>,
): string {
  return `${href}/statements/${connection}/${number}`
}

function presentStatement(
  statement: Statement,
  { href, zones, sought = '' }: RowsFrame,
  most: number,
): Omit<StatementRow, 'opening' | 'day' | 'time'> {
  const { rows, text, values, tag } = statement
  const marks = marksOf(statement)
  const isCut = text.length > most
  const spans = markFound(spansOf(statement, most), sought)
  const { beginning, rest } = foldSql(spans, FOLD)
  const shown = values.slice(0, VALUES_MOST).map((value) => valueText(value, VALUE_MOST))
  return {
    number: String(statement.number),
    anchor: `s-${statement.connection}-${statement.number}`,
    href: statementHref(href, statement),
    at: presentMoment(statement.startedAt, zones),
    marks,
    isGap: statement.kind === 'gap',
    beginning,
    rest,
    isFoundInRest: rest.some(({ isFound }) => isFound),
    restText: rest.length === 0 ? '' : `The rest, ${sizeOf(statement)} in all`,
    isCut,
    cut: sayCut(statement),
    values: shown.slice(0, VALUES_FIRST),
    moreValues: shown.slice(VALUES_FIRST),
    moreValuesText: moreValuesText(values.length),
    part: partOf(statement),
    outcome: outcomeOf(statement),
    tag: tag ?? (marks.length > 0 ? '' : '-'),
    rows: rows === null || statement.kind === 'gap' ? '-' : grouped(rows),
    took: tookText(statement),
    error: errorText(statement),
    copied: copyText(statement),
    copyDigest: statement.copyDigest ?? undefined,
  }
}

/** A gap's text is a sentence of ours. */
export function spansOf({ kind, text }: Statement, most = text.length): SqlSpan[] {
  const shown = text.length > most ? text.slice(0, most).replace(/[\ud800-\udbff]$/, '') : text
  return kind === 'gap' ? [{ kind: 'plain', text: visibleLines(shown) }] : sqlSpans(shown)
}

function moreValuesText(count: number): string {
  const more = count - VALUES_FIRST
  if (more <= 0) return ''
  const left = count - VALUES_MOST
  return `${counted(more, 'more value')}${left > 0 ? `, ${left} of them on its own page` : ''}`
}

/** A text for people, with its whole length where it was cut. */
export function presentText({ text, textBytes }: Pick<Statement, 'text' | 'textBytes'>): {
  readonly text: string
  readonly isLong: boolean
} {
  const isCut = textBytes > Buffer.byteLength(text)
  const isLong = text.length > LONG_TEXT || text.split('\n', LONG_LINES + 1).length > LONG_LINES
  return { text: visibleLines(text) + (isCut ? ` … (${textBytes} bytes)` : ''), isLong }
}

/** What fits into the narrowest of its boxes without scrolling. */
const LONG_TEXT = 240
const LONG_LINES = 8

function sizeOf({ textBytes }: Statement): string {
  return `${grouped(textBytes)} bytes`
}

/** Where only the beginning of a text was kept, what proves the rest. */
export function sayCut({ text, textBytes, textDigest }: Statement): string | undefined {
  if (textBytes <= Buffer.byteLength(text)) return undefined
  const digest = textDigest === null ? '' : ` The SHA-256 of the whole is ${textDigest}.`
  return `Only the beginning is kept, of ${grouped(textBytes)} bytes.${digest}`
}

/** Which statement of a text that holds several; the first needs no word. */
export function partOf({ part, partOf: first }: Statement): string | undefined {
  return part > 1 ? `Part ${part} of the text sent as No. ${first}` : undefined
}

/** SQLSTATE and message. */
export function errorText({ sqlstate, message }: Statement): string | undefined {
  return sqlstate === null ? undefined : `${visible(sqlstate)} ${visibleLines(message ?? '')}`
}

/** `1.2 ms`; what never ran, or got no answer, took no time that means anything. */
export function tookText({ kind, outcome, milliseconds }: Statement): string {
  const wasTimed = kind !== 'gap' && (outcome === 'ok' || outcome === 'error')
  return milliseconds === null || !wasTimed
    ? '-'
    : `${milliseconds.toLocaleString('en-US', ONE_PLACE)} ms`
}

const ONE_PLACE = { minimumFractionDigits: 1, maximumFractionDigits: 1 }

/** How much a COPY carried, and which way. */
export function copyText({ kind, bytes }: Statement): string | undefined {
  const way = COPY_WAYS[kind]
  if (way === undefined || bytes === null) return undefined
  return `COPY carried ${grouped(bytes)} bytes ${way}`
}

const COPY_WAYS: Readonly<Partial<Record<string, string>>> = {
  'copy in': 'into the data source',
  'copy out': 'out of the data source',
}

/** A bind value as a literal, cut after so many characters: no quote within one can pass for its end. */
export function valueText(value: Statement['values'][number], most: number): string {
  if (value === null) return 'NULL'
  const [text, whole] =
    typeof value === 'string'
      ? [value, `${value.length} characters`]
      : [value.text, `${value.bytes} bytes`]
  const isCut = typeof value !== 'string' || text.length > most
  const shown = isCut ? text.slice(0, most).replace(/[\ud800-\udbff]$/, '') : text
  const literal = `'${visible(shown.replaceAll("'", "''"))}'`
  return isCut ? `${literal} … (${whole})` : literal
}
