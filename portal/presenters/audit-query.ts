import type { DateTime } from 'luxon'
import type { AuditFilter } from '../../db/audit-filter.ts'
import type { AuditForm } from '../forms/audit-filter.ts'
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
  reason: 'Reason',
  q: 'Free text',
} as const satisfies Partial<Record<keyof AuditFilter, string>>
type LabelledName = keyof typeof LABELS

const LABELLED = Object.keys(LABELS).filter((name): name is LabelledName => name in LABELS)

/**
 * The filters that narrow something, one by one. Instants carry their offset, so that a link means
 * the same wherever it is opened.
 */
export function activeFilters({
  filter,
  zone,
}: Pick<AuditForm, 'filter' | 'zone'>): ActiveFilter[] {
  const active: ActiveFilter[] = []
  for (const [name, label] of [
    ['since', 'Since'],
    ['until', 'Until'],
  ] as const) {
    const at = filter[name]?.setZone(zone.name)
    if (at === undefined) continue
    const text = `${at.toFormat('yyyy-LL-dd HH:mm:ss')} ${offsetText(at)}`
    active.push({ name, value: exactText(at), label: `${label} ${text}` })
  }
  for (const state of filter.states) {
    active.push({ name: 'state', value: state, label: `Status ${state}` })
  }
  if (filter.scope !== null) {
    active.push({ name: 'scope', value: filter.scope, label: `Scope ${filter.scope}` })
  }
  for (const name of LABELLED) {
    const value = filter[name]
    if (value !== null) active.push({ name, value, label: `${LABELS[name]} ${value}` })
  }
  if (filter.view === 'all') active.push({ name: 'view', value: 'all', label: 'All records' })
  return active
}

interface Pair {
  readonly name: string
  readonly value: string
}

/** Everything that a link to the same selection carries; the zone always, as times are read in it. */
export function queryPairs(form: Pick<AuditForm, 'filter' | 'zone'>): Pair[] {
  const pairs = activeFilters(form).map(({ name, value }) => ({ name, value }))
  return [...pairs, { name: 'zone', value: form.zone.choice }]
}

/** An address of the Audit tab. */
export function auditHref(pairs: readonly Pair[]): string {
  const query = new URLSearchParams()
  for (const { name, value } of pairs) query.append(name, value)
  return `/audit?${query.toString()}`
}

/** The filters in words, for the head of a file and its record. */
export function filtersInWords(form: Pick<AuditForm, 'filter' | 'zone'>): string {
  const labels = activeFilters(form).map(({ label }) => label)
  return labels.length === 0 ? 'none' : labels.join('; ')
}

/** With its offset, so that nothing has to be guessed when it is read back. */
export function exactText(at: DateTime): string {
  return at.toFormat("yyyy-LL-dd'T'HH:mm:ss.SSSZZ")
}
