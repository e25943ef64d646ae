import type { AuditRecord } from '../../db/audit-record.ts'
import { iso } from '../../db/store.ts'
import { clientIpText, reasonText } from './audit-columns.ts'
import type { AuditCell, AuditHeading } from './audit-pages.ts'
import { COLUMN_HEADINGS, type ColumnName } from './audit-views.ts'
import { visible } from './visible.ts'
import { stampText, type TimeColumn } from './zones.ts'

const NO_BREAK = '\u00a0'
/** A row is a line: more of its details than this nobody reads there. */
const LONGEST_DETAILS = 300

/** The headings of a table, the zone behind those of times. */
export function presentHeadings(columns: readonly ColumnName[], times: TimeColumn): AuditHeading[] {
  return columns.map((column) => ({
    column,
    label: headingOf(column, times),
    look: HEADING_LOOKS[column] ?? '',
  }))
}

/** The cells of a record, in the order of the columns. */
export function presentCells(
  record: AuditRecord,
  columns: readonly ColumnName[],
  times: TimeColumn,
): AuditCell[] {
  const cells = columns.map((column) => cellOf(record, column, times))
  return record.sessionId === null ? tellAbout(record, cells) : cells
}

/** What was done to what, for records that have no session to show. */
export function aboutText({ body }: AuditRecord): string {
  const { subject } = body
  const name = subject === undefined ? '' : subjectText(subject)
  return [name, detailsText(body.details)].filter((text) => text !== '').join(' · ')
}

function subjectText({ type, name }: NonNullable<AuditRecord['body']['subject']>): string {
  const kind = type.replaceAll('_', ' ')
  return name.startsWith(kind) ? name : `${kind} ${name}`
}

/** Details on one line, what sums them up first; the record's page has them all. */
export function detailsText(details: AuditRecord['body']['details']): string {
  const said = Object.entries(details ?? {}).filter(
    ([name, value]) => value !== '' && !name.endsWith('sha256'),
  )
  const [summary, others] = [said.filter(isSummary), said.filter((one) => !isSummary(one))]
  const text = [
    ...summary.map(([, value]) => value),
    ...others.map(([name, value]) => `${name.replaceAll('_', ' ')}: ${value}`),
  ].join('; ')
  return text.length > LONGEST_DETAILS ? `${text.slice(0, LONGEST_DETAILS)}…` : text
}

function isSummary([name]: readonly [string, string]): boolean {
  return name === 'summary'
}

const HEADING_LOOKS: Readonly<Partial<Record<ColumnName, string>>> = {
  at: 'stamp',
  start: 'stamp window-time',
  end: 'stamp window-time',
}
const TIMES = new Set<ColumnName>(['at', 'start', 'end'])
/** Columns that only records of sessions fill. */
const OF_SESSIONS = new Set<string>([
  'scope',
  'requester',
  'roles',
  'username',
  'start',
  'end',
  'dataSource',
])

function headingOf(column: ColumnName, { suffix }: TimeColumn): string {
  const heading = COLUMN_HEADINGS[column]
  return TIMES.has(column) ? `${heading} (${suffix})` : heading
}

/** A heading beside its cell, where there is little room: no line breaks within the offset. */
function labelOf(column: ColumnName, { zone, suffix }: TimeColumn): string {
  return headingOf(column, { zone, suffix: suffix.replace(' ', NO_BREAK) })
}

function cellOf(record: AuditRecord, column: ColumnName, times: TimeColumn): AuditCell {
  const text = visible(TEXTS[column](record, times))
  const kind = KINDS[column] ?? 'text'
  return {
    column,
    kind,
    label: labelOf(column, times),
    text,
    look: lookOf(record, column, text),
    iso: isoOf(record, column),
  }
}

const KINDS: Readonly<Partial<Record<ColumnName, AuditCell['kind']>>> = {
  at: 'record',
  session: 'session',
  state: 'state',
  scope: 'scope',
  username: 'code',
  start: 'time',
  end: 'time',
  action: 'action',
}

const LOOKS: Readonly<Partial<Record<ColumnName, string>>> = {
  state: 'trim verb',
  actor: 'trim',
  requester: 'trim',
  roles: 'trim',
  username: 'trim name',
  start: 'window-time',
  end: 'window-time',
  dataSource: 'trim',
  reason: 'trim reason',
  subject: 'trim subject',
  details: 'trim details',
  company: 'trim',
}

/** A state is never cut; an action that stands in its place may be. */
function lookOf({ state }: AuditRecord, column: ColumnName, text: string): string {
  const look = column === 'state' && state !== null ? '' : (LOOKS[column] ?? '')
  return text === '' ? `${look} blank` : look
}

type TextOf = (record: AuditRecord, times: TimeColumn) => string

const TEXTS: Readonly<Record<ColumnName, TextOf>> = {
  at: ({ at }, times) => stampText(at, times),
  session: ({ sessionId }) => sessionId ?? '',
  state: ({ state, action }) => state ?? action,
  scope: ({ scope }) => scope ?? '',
  actor: ({ actor }) => actor,
  requester: ({ requester }) => requester ?? '',
  roles: ({ roles }) => roles.join(', '),
  username: ({ username }) => username ?? '',
  start: ({ start }, times) => (start === null ? '' : stampText(start, times)),
  end: ({ end }, times) => (end === null ? '' : stampText(end, times)),
  dataSource: ({ dataSource }) => dataSource ?? '',
  reason: reasonText,
  clientIp: clientIpText,
  action: ({ action }) => action,
  area: ({ area }) => area,
  company: ({ body }) => body.organization.name,
  accountId: ({ body }) => body.organization.account_id,
  subject: ({ body }) => body.subject?.name ?? '',
  details: ({ body }) => detailsText(body.details),
}

function isoOf(record: AuditRecord, column: ColumnName): string | undefined {
  if (column !== 'at' && column !== 'start' && column !== 'end') return undefined
  const at = record[column]
  return at === null ? undefined : iso(at)
}

/** The blanks of a record without a session, side by side, become one cell that says what it is about. */
function tellAbout(record: AuditRecord, cells: readonly AuditCell[]): AuditCell[] {
  const about = visible(aboutText(record))
  const isBlank = ({ column, text }: AuditCell): boolean => text === '' && OF_SESSIONS.has(column)
  const run = longestRun(cells, isBlank)
  if (about === '' || run.length < 2) return [...cells]
  const cell: AuditCell = {
    column: 'about',
    kind: 'about',
    label: 'About',
    text: about,
    look: 'about',
    span: run.length,
  }
  return [...cells.slice(0, run.from), cell, ...cells.slice(run.from + run.length)]
}

function longestRun<T>(
  items: readonly T[],
  belongs: (item: T) => boolean,
): { readonly from: number; readonly length: number } {
  let best = { from: 0, length: 0 }
  let from = 0
  for (const [place, item] of items.entries()) {
    if (!belongs(item)) from = place + 1
    else if (place + 1 - from > best.length) best = { from, length: place + 1 - from }
  }
  return best
}
