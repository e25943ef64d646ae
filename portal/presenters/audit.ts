import type { AuditSearchPage } from '../../db/audit-search.ts'
import { COUNTED_AT_MOST } from '../../db/audit-search.ts'
import type { RecordState } from '../../db/audit-log.ts'
import { placeText } from '../forms/audit-cursor.ts'
import type { AuditForm } from '../forms/audit-filter.ts'
import type { AuditFilterName, AuditPage } from './audit-pages.ts'
import { activeFilters, auditHref, queryPairs } from './audit-query.ts'
import { presentAuditRow, type RowFrame } from './audit-rows.ts'
import { presentZones } from './moments.ts'
import type { Choice, Field, Page, Pager } from './pieces.ts'
import { SESSION_STATES } from './session-states.ts'
import { visible } from './visible.ts'

/** What the Audit tab is drawn from. Counts are undefined where counting took too long. */
export interface AuditFacts {
  readonly page: Page
  readonly form: AuditForm
  readonly found: AuditSearchPage
  readonly frame: RowFrame
  readonly matching: number | undefined
  readonly all: number | undefined
  readonly states: ReadonlyMap<RecordState, number>
}

/** The Audit tab: filters, rows, pager and download, all of one filter. */
export function presentAudit(facts: AuditFacts): AuditPage {
  const { page, form, found, frame } = facts
  const chips = presentChips(form)
  return {
    page,
    filter: presentFields(form),
    states: presentStates(facts),
    scopes: choices(form.filter.scope ?? 'all', { all: 'All', session: 'Session', role: 'Role' }),
    views: choices(form.filter.view, { sessions: 'States', all: 'All records' }),
    zones: presentZones(frame.zones, form.zone.choice),
    chips,
    clearHref: chips.length === 0 ? undefined : clearHref(form),
    filtersOpen: Object.keys(form.mistakes).length > 0,
    zoneSuffix: frame.times.suffix,
    rows: found.records.map((record) => presentAuditRow(record, frame)),
    empty: presentEmpty(form, chips.length > 0),
    count: recordsText(facts.matching),
    pager: presentPager(facts),
    download: {
      fields: queryPairs(form),
      countFiltered: countText(facts.matching),
      countAll: countText(facts.all),
      includeFilters: chips.length > 0,
    },
  }
}

/** `1,204`, `10,000+`, and `many` where counting took too long. */
export function countText(count: number | undefined): string {
  if (count === undefined) return 'many'
  if (count > COUNTED_AT_MOST) return `${grouped(COUNTED_AT_MOST)}+`
  return grouped(count)
}

function recordsText(count: number | undefined): string {
  return count === 1 ? '1 record' : `${countText(count)} records`
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

function presentFields(form: AuditForm): Record<AuditFilterName, Field> {
  const field = (name: AuditFilterName, value = form.typed[name]): Field => ({
    value,
    error: form.mistakes[name],
  })
  return {
    since: field('since', timeValue(form, 'since')),
    until: field('until', timeValue(form, 'until')),
    session: field('session'),
    action: field('action'),
    actor: field('actor'),
    requester: field('requester'),
    role: field('role'),
    username: field('username'),
    dataSource: field('dataSource'),
    reason: field('reason'),
    clientIp: field('clientIp'),
    q: field('q'),
  }
}

/** What a datetime-local input takes; what could not be read stays as it was typed. */
export function timeValue({ filter, typed, zone }: AuditForm, name: 'since' | 'until'): string {
  const at = filter[name]?.setZone(zone.name)
  if (at === undefined) return typed[name]
  const toTheMinute = at.second === 0 && at.millisecond === 0
  return at.toFormat(toTheMinute ? "yyyy-LL-dd'T'HH:mm" : "yyyy-LL-dd'T'HH:mm:ss.SSS")
}

function presentStates({ form, states }: AuditFacts): Choice[] {
  return SESSION_STATES.map((state) => ({
    value: state,
    label: state,
    chosen: form.filter.states.includes(state),
    count: countText(states.get(state)),
  }))
}

function choices(chosen: string, labels: Readonly<Record<string, string>>): Choice[] {
  return Object.entries(labels).map(([value, label]) => ({
    value,
    label,
    chosen: value === chosen,
  }))
}

/** Each chip leads to this page without its filter, on the first page again. */
function presentChips(form: AuditForm): AuditPage['chips'] {
  const active = activeFilters(form)
  return active.map((chip) => ({
    label: visible(chip.label),
    href: auditHref([
      ...active.filter((other) => other !== chip),
      { name: 'zone', value: form.zone.choice },
    ]),
  }))
}

function clearHref(form: AuditForm): string {
  return auditHref([{ name: 'zone', value: form.zone.choice }])
}

function presentEmpty(form: AuditForm, isNarrowed: boolean): AuditPage['empty'] {
  if (!isNarrowed) {
    return { heading: 'No records yet', text: 'The first request for access writes the first one.' }
  }
  return {
    heading: 'No records match',
    text: 'Take a filter off, or widen the time between Since and Until.',
    action: { href: clearHref(form), label: 'Clear all filters' },
  }
}

function presentPager({ form, found, matching }: AuditFacts): Pager {
  const before = form.place?.position ?? 0
  const last = before + found.records.length
  const pairs = queryPairs(form)
  const older = found.next && placeText({ ...found.next, position: last })
  return {
    newest: before === 0 ? undefined : auditHref(pairs),
    older:
      older === undefined ? undefined : auditHref([...pairs, { name: 'cursor', value: older }]),
    text:
      found.records.length === 0
        ? 'No records'
        : `Records ${grouped(before + 1)} to ${grouped(last)} of ${countText(matching)}`,
  }
}
