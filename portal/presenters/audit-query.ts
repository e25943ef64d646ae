import type { DateTime } from 'luxon'
import type { AuditFilter } from '../../db/audit-filter.ts'
import type { AuditForm, AuditSelection } from '../forms/audit-filter.ts'
import { RANGES } from '../forms/audit-times.ts'
import { AUDIT_VIEWS, everythingIn } from './audit-views.ts'
import { offsetText } from './zones.ts'

/** One active filter: what the query carries, and what people read. */
export interface ActiveFilter {
  readonly name: string
  readonly value: string
  readonly label: string
}

const LABELS = {
  session: 'Session ID',
  action: 'Action',
  actor: 'Actor',
  requester: 'Requester',
  role: 'Role',
  username: 'Session Username',
  dataSource: 'Data Source',
  clientIp: 'Client IP',
  subject: 'Subject',
  company: 'Company name',
  accountId: 'Account ID',
  reason: 'Reason',
  q: 'Free text',
} as const satisfies Partial<Record<keyof AuditFilter, string>>
type LabelledName = keyof typeof LABELS

const LABELLED = Object.keys(LABELS).filter((name): name is LabelledName => name in LABELS)

/**
 * The filters that narrow the view, one by one. Instants carry their offset, so that a link means
 * the same wherever it is opened; a range of time moves on with the clock.
 */
export function activeFilters(selection: AuditSelection): ActiveFilter[] {
  const { filter, areas } = selection
  const active = timeFilters(selection)
  const each = (name: string, label: string, values: readonly string[]): void => {
    for (const value of values) active.push({ name, value, label: `${label} ${value}` })
  }
  each('state', 'Status', filter.states)
  each('action', 'Action', filter.actions)
  each('area', 'Area', areas)
  each('scope', 'Scope', filter.scope === null ? [] : [filter.scope])
  for (const name of LABELLED) {
    const value = filter[name]
    if (value !== null) active.push({ name, value, label: `${LABELS[name]} ${value}` })
  }
  return active
}

function timeFilters({ filter, zone, range }: AuditSelection): ActiveFilter[] {
  const active: ActiveFilter[] = []
  for (const [name, label] of [
    ['since', 'Since'],
    ['until', 'Until'],
  ] as const) {
    const at = filter[name]?.setZone(zone.name)
    if (at === undefined) continue
    const text = `${label} ${at.toFormat('yyyy-LL-dd HH:mm:ss')} ${offsetText(at)}`
    if (name === 'since' && range !== undefined) {
      active.push({ name: 'range', value: range, label: `${RANGES[range]}: ${text}` })
    } else {
      active.push({ name, value: exactText(at), label: text })
    }
  }
  return active
}

export interface Pair {
  readonly name: string
  readonly value: string
}

/** What every link of a page keeps: its view, its zone, and the columns that its address names. */
export function framePairs(form: Pick<AuditForm, 'view' | 'zone' | 'columns'>): Pair[] {
  const { view, zone, columns } = form
  return [
    ...(view === 'sessions' ? [] : [{ name: 'view', value: view }]),
    { name: 'zone', value: zone.choice },
    ...(columns === undefined
      ? []
      : [{ name: 'columns', value: columns === 'default' ? columns : columns.join(',') }]),
  ]
}

/** Everything that a link to the same selection carries; the zone always, as times are read in it. */
export function queryPairs(form: AuditSelection & Partial<Pick<AuditForm, 'columns'>>): Pair[] {
  const pairs = activeFilters(form).map(({ name, value }) => ({ name, value }))
  return [...pairs, ...framePairs({ columns: undefined, ...form })]
}

/** An address of the Audit tab. */
export function auditHref(pairs: readonly Pair[]): string {
  return `/audit?${queryText(pairs)}`
}

/** A query as addresses write it. */
export function queryText(pairs: readonly Pair[]): string {
  const query = new URLSearchParams()
  for (const { name, value } of pairs) query.append(name, value)
  return query.toString()
}

/** The same view with nothing filtered. */
export function unfiltered(selection: AuditSelection): AuditSelection {
  const { view, zone } = selection
  return { view, zone, filter: everythingIn(view), areas: [], range: undefined }
}

/** The view and the filters in words, for the head of a file and its record. */
export function filtersInWords(selection: AuditSelection): string {
  const labels = activeFilters(selection).map(({ label }) => label)
  const view = selection.view === 'sessions' ? [] : [AUDIT_VIEWS[selection.view].label]
  return [...view, ...labels].join('; ') || 'none'
}

/** As filtersInWords, for a selection that is opened at other times: its range moves on. */
export function savedInWords(selection: AuditSelection): string {
  const { range } = selection
  if (range === undefined) return filtersInWords(selection)
  const { filter } = selection
  const rest = filtersInWords({
    ...selection,
    range: undefined,
    filter: { ...filter, since: null },
  })
  return rest === 'none' ? RANGES[range] : `${RANGES[range]}; ${rest}`
}

/** With its offset, so that nothing has to be guessed when it is read back. */
export function exactText(at: DateTime): string {
  return at.toFormat("yyyy-LL-dd'T'HH:mm:ss.SSSZZ")
}
