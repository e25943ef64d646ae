import type { ChoiceCounts } from '../../db/audit-choices.ts'
import { COUNTED_AT_MOST } from '../../db/audit-counts.ts'
import type { AuditForm } from '../forms/audit-filter.ts'
import { RANGE_NAMES, RANGES } from '../forms/audit-times.ts'
import type { AuditFilterName, AuditFilters, ChoiceList, KeptField, Tab } from './audit-pages.ts'
import { activeFilters, auditHref, framePairs } from './audit-query.ts'
import { actionsOf, areasOf, AUDIT_VIEWS } from './audit-views.ts'
import { presentMeanings, type MeaningChoice } from './meanings.ts'
import { presentZones, type Zones } from './moments.ts'
import type { Choice, Field } from './pieces.ts'
import { SESSION_STATES } from './session-states.ts'

const IN_PANEL = new Set([
  ...['state', 'action', 'area', 'scope', 'session', 'actor', 'requester', 'role', 'username'],
  ...['dataSource', 'clientIp', 'subject', 'company', 'accountId', 'reason'],
])

/** The form above the table: everything that is filtered, as it was typed or chosen. */
export function presentFilters(
  form: AuditForm,
  zones: Zones,
  counts: ChoiceCounts | undefined,
): AuditFilters {
  const { since, until } = form.filter
  return {
    kept: keptByForm(form),
    fields: presentFields(form),
    sinceMeanings: meaningsOf(form, 'since', zones),
    untilMeanings: meaningsOf(form, 'until', zones),
    ranges: presentRanges(form, since !== null || until !== null),
    rows: hasStates(form) ? presentRows(form) : [],
    lists: presentLists(form, counts),
    zones: presentZones(zones, form.zone.choice),
    inPanel: activeFilters(form).filter(({ name }) => IN_PANEL.has(name)).length,
    open: Object.keys(form.mistakes).some((name) => IN_PANEL.has(name)),
  }
}

/** `1,204`, `10,000+`, and `many` where counting took too long. */
export function countText(count: number | undefined): string {
  if (count === undefined) return 'many'
  if (count > COUNTED_AT_MOST) return `${grouped(COUNTED_AT_MOST)}+`
  return grouped(count)
}

/** `1,204`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** What a datetime-local input takes; what could not be read stays as it was typed. */
export function timeValue(
  { filter, typed, zone }: Pick<AuditForm, 'filter' | 'typed' | 'zone'>,
  name: 'since' | 'until',
): string {
  const at = filter[name]?.setZone(zone.name)
  if (at === undefined || typed[name] === '') return typed[name]
  const toTheMinute = at.second === 0 && at.millisecond === 0
  return at.toFormat(toTheMinute ? "yyyy-LL-dd'T'HH:mm" : "yyyy-LL-dd'T'HH:mm:ss.SSS")
}

function keptByForm(form: AuditForm): KeptField[] {
  const { filter, range } = form
  return [
    ...framePairs(form).filter(({ name }) => name !== 'zone'),
    ...(range === undefined ? [] : [{ name: 'range', value: range }]),
    ...(filter.action === null ? [] : [{ name: 'action', value: filter.action }]),
  ]
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
    clientIp: field('clientIp'),
    subject: field('subject'),
    company: field('company'),
    accountId: field('accountId'),
    reason: field('reason'),
    q: field('q'),
  }
}

/**
 * The choice between the two instants that a field shows as one local time. Also where it was read:
 * the field sends the local time alone, which would be asked back again.
 */
export function meaningsOf(
  form: AuditForm,
  name: 'since' | 'until',
  zones: Zones,
): MeaningChoice | undefined {
  const at = form.filter[name]?.setZone(form.zone.name)
  const typed = { name: `${name}Meant`, text: timeValue(form, name), zone: form.zone.choice }
  const meant = at?.toISO({ suppressMilliseconds: true }) ?? ''
  return presentMeanings({ ...typed, meant }, zones)
}

function presentRanges(form: AuditForm, isNarrowed: boolean): Tab[] {
  const others = activeFilters(form).filter(
    ({ name }) => !['since', 'until', 'range'].includes(name),
  )
  const frame = framePairs(form)
  const ranges = RANGE_NAMES.map((range) => ({
    href: auditHref([{ name: 'range', value: range }, ...others, ...frame]),
    label: RANGES[range].replace(/^Last (?=\d)/, ''),
    current: form.range === range,
  }))
  const anyTime = {
    href: auditHref([...others, ...frame]),
    label: 'Any time',
    current: !isNarrowed,
  }
  return [...ranges, anyTime]
}

/** Of a request that was denied two rows tell, the role's and the session's: each kind alone has it once. */
function presentRows(form: AuditForm): Tab[] {
  const others = activeFilters(form).filter(({ name }) => name !== 'scope')
  const rows = (label: string, scope: 'session' | 'role' | null): Tab => ({
    href: auditHref([
      ...others,
      ...(scope === null ? [] : [{ name: 'scope', value: scope }]),
      ...framePairs(form),
    ]),
    label,
    current: form.filter.scope === scope,
  })
  return [rows('All rows', null), rows('Session rows', 'session'), rows('Role rows', 'role')]
}

function presentLists(form: AuditForm, counts: ChoiceCounts | undefined): ChoiceList[] {
  const { filter, view, areas, mistakes } = form
  const counted = (values: ReadonlyMap<string, number> | undefined, value: string): string =>
    values === undefined ? '' : countText(values.get(value) ?? 0)
  const choice = (value: string, chosen: boolean, count: string): Choice => ({
    value,
    label: value,
    chosen,
    count,
  })
  const states: ChoiceList = {
    name: 'state',
    legend: 'Status',
    type: 'checkbox',
    choices: SESSION_STATES.map((state) =>
      choice(state, filter.states.includes(state), counted(counts?.states, state)),
    ),
    error: mistakes['state'],
  }
  const actions: ChoiceList = {
    name: 'action',
    legend: 'Action',
    type: 'checkbox',
    choices: actionsOf(view).map((action) =>
      choice(action, filter.actions.includes(action), counted(counts?.actions, action)),
    ),
    error: mistakes['action'],
  }
  const byArea: ChoiceList = {
    name: 'area',
    legend: 'Area',
    type: 'checkbox',
    choices: areasOf(view).map((area) =>
      choice(area, areas.includes(area), counted(counts?.areas, area)),
    ),
    error: mistakes['area'],
  }
  return [
    ...(hasStates(form) ? [states] : []),
    actions,
    byArea,
    ...(hasStates(form) ? [scopes(form)] : []),
  ]
}

/** Resources, users and tasks reach no state. */
function hasStates({ view }: AuditForm): boolean {
  return AUDIT_VIEWS[view].areas.length === 0
}

function scopes({ filter, mistakes }: AuditForm): ChoiceList {
  const chosen = filter.scope ?? 'all'
  const labels = { all: 'All', session: 'Session', role: 'Role' }
  return {
    name: 'scope',
    legend: 'Scope',
    type: 'radio',
    choices: Object.entries(labels).map(([value, label]) => ({
      value,
      label,
      chosen: value === chosen,
    })),
    error: mistakes['scope'],
  }
}
