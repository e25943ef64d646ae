import type { ChoiceCounts } from '../../db/audit-choices.ts'
import type { AuditSearchPage } from '../../db/audit-search.ts'
import type { SavedFilter } from '../../db/saved-filters.ts'
import { placeText } from '../forms/audit-cursor.ts'
import type { AuditForm } from '../forms/audit-filter.ts'
import { countText, grouped, presentFilters } from './audit-filters.ts'
import type { AuditPage, AuditTable, ColumnChooser, SavedMenu, Tab } from './audit-pages.ts'
import { activeFilters, auditHref, framePairs, queryPairs, queryText } from './audit-query.ts'
import { presentAuditRow, type RowFrame } from './audit-rows.ts'
import { presentHeadings } from './audit-table.ts'
import {
  areasOf,
  AUDIT_VIEW_NAMES,
  AUDIT_VIEWS,
  COLUMN_HEADINGS,
  COLUMN_NAMES,
} from './audit-views.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import type { Page, Pager } from './pieces.ts'
import { APPLICATIONS_TAB } from './application-words.ts'
import { SIGN_INS_TAB } from './sign-in-words.ts'
import { visible } from './visible.ts'

/** What the Audit tab is drawn from. Counts are undefined where counting took too long. */
export interface AuditFacts {
  readonly page: Page
  readonly form: AuditForm
  readonly found: AuditSearchPage
  /** The search was given up. */
  readonly tooBroad: boolean
  readonly frame: RowFrame
  readonly counts: ChoiceCounts | undefined
  /** Of a page that is narrowed; else what matches is all there is. */
  readonly all: number | undefined
  readonly saved: readonly SavedFilter[]
}

/** The Audit tab: views, filters, rows, pager and download, all of one selection. */
export function presentAudit(facts: AuditFacts): AuditPage {
  const { page, form, found, frame, counts } = facts
  const active = activeFilters(form)
  const isNarrowed = active.length > 0
  const matching = counts?.matching ?? countWhole(facts)
  const all = isNarrowed ? facts.all : matching
  return {
    page,
    views: [...presentViews(form), SIGN_INS_TAB, APPLICATIONS_TAB],
    filters: presentFilters(form, frame.zones, counts),
    chooser: presentChooser(form, frame),
    saved: presentSaved(facts, isNarrowed),
    chips: active.map((chip) => ({
      label: visible(chip.label),
      href: auditHref([...active.filter((other) => other !== chip), ...framePairs(form)]),
    })),
    clearHref: isNarrowed ? auditHref(framePairs(form)) : undefined,
    table: presentTable('Audit records', found.records, { frame, query: rowQuery(form) }),
    empty: presentEmpty(facts, isNarrowed),
    count: matching === 1 ? '1 record' : `${countText(matching)} records`,
    wrong: WITHOUT_FIELD.flatMap((name) => form.mistakes[name] ?? []).map(visible),
    uncounted: counts === undefined || all === undefined,
    pager: presentPager(form, found, matching),
    newsHref: form.place === undefined ? newsHref(form, found.records[0]) : undefined,
    download: {
      fields: queryPairs({ ...form, columns: undefined }),
      countFiltered: countText(matching),
      countAll: countText(all),
      includeFilters: isNarrowed,
    },
  }
}

/** Told above the table: only addresses hold these. */
const WITHOUT_FIELD = ['view', 'range', 'zone', 'columns', 'cursor'] as const

/** Records in columns; `query` is what the pages of single records keep of the selection. */
export function presentTable(
  label: string,
  records: readonly AuditRecord[],
  { frame, query }: { readonly frame: RowFrame; readonly query: string },
): AuditTable {
  return {
    label,
    headings: presentHeadings(frame.columns, frame.times),
    rows: records.map((record) => {
      const row = presentAuditRow(record, frame)
      return { ...row, href: `${row.href}${query}` }
    }),
  }
}

/** A record's page goes on to the next record of the same selection. */
function rowQuery(form: AuditForm): string {
  return `?${queryText(queryPairs(form))}`
}

/** Other views keep when and who; states and scope mean nothing to most of them. */
function presentViews(form: AuditForm): Tab[] {
  const active = activeFilters(form)
  return AUDIT_VIEW_NAMES.map((view) => {
    const areas: readonly string[] = areasOf(view)
    const fits = active.filter(
      ({ name, value }) =>
        !['state', 'scope', 'action', 'area', 'session'].includes(name) ||
        (name === 'area' && areas.includes(value) && !AUDIT_VIEWS[view].statesOnly),
    )
    const kept = AUDIT_VIEWS[view].areas.length === 0 ? active.filter(keepsState) : []
    const { zone } = form
    return {
      href: auditHref([...fits, ...kept, ...framePairs({ view, zone, columns: undefined })]),
      label: AUDIT_VIEWS[view].label,
      current: view === form.view,
    }
  })
}

function keepsState({ name }: { readonly name: string }): boolean {
  return name === 'state' || name === 'scope' || name === 'session'
}

function presentChooser(form: AuditForm, { columns }: RowFrame): ColumnChooser {
  const kept = queryPairs({ ...form, columns: undefined })
  const usual = AUDIT_VIEWS[form.view].columns
  const isUsual = usual.length === columns.length && usual.every((name) => columns.includes(name))
  return {
    kept,
    columns: COLUMN_NAMES.map((name) => ({
      value: name,
      label: COLUMN_HEADINGS[name],
      chosen: columns.includes(name),
      refused: name === 'at' ? 'leads to the record' : undefined,
    })),
    resetHref: isUsual ? undefined : auditHref([...kept, { name: 'columns', value: 'default' }]),
  }
}

function presentSaved({ form, saved }: AuditFacts, isNarrowed: boolean): SavedMenu {
  // times carry their offsets, so whoever opens it may look at it in a zone of their own
  const query = queryText(queryPairs(form).filter(({ name }) => name !== 'zone'))
  const canBeSaved = isNarrowed || form.view !== 'sessions' || form.columns !== undefined
  return {
    filters: saved.map(({ id, name, mine, owner }) => ({
      href: `/audit/filters/${id}`,
      label: visible(name),
      by: mine ? '' : visible(owner),
    })),
    href: '/audit/filters',
    saveHref: canBeSaved ? `/audit/filters?save=${encodeURIComponent(query)}` : undefined,
  }
}

function presentEmpty({ form, tooBroad }: AuditFacts, isNarrowed: boolean): AuditPage['empty'] {
  if (tooBroad) return presentTooBroad(form)
  if (!isNarrowed) {
    const text =
      form.view === 'sessions'
        ? 'The first request for access writes the first one.'
        : `${AUDIT_VIEWS[form.view].label} fills as people and Daypass work.`
    return { heading: 'No records yet', text }
  }
  const { q } = form.filter
  return {
    heading: 'No records match',
    text:
      q === null
        ? 'Take a filter off, or widen the time between Since and Until.'
        : `“${visible(q)}” was looked for in action, actor, requester, roles, session username, data source, subject, details, reason and justification, in ${AUDIT_VIEWS[form.view].label}. Client IP, Company name and Account ID have filters of their own. Statements are searched on the page of their session.`,
    action: { href: auditHref(framePairs(form)), label: 'Clear all filters' },
  }
}

/** Says which filter would help most: time first, then what an index finds at once. */
function presentTooBroad(form: AuditForm): AuditPage['empty'] {
  const { since, q } = form.filter
  const words =
    q !== null && q.length < WORTH_LOOKING_UP
      ? ` Free text finds faster with ${WORTH_LOOKING_UP} letters or more.`
      : ''
  const others = activeFilters(form).filter(({ name }) => !['since', 'range'].includes(name))
  return {
    heading: 'This search takes too long over so many records',
    text: `${since === null ? 'Choose a Since' : 'Move Since closer to Until'}, or add a Session ID, Actor, Data Source or Action.${words}`,
    action: {
      href: auditHref([{ name: 'range', value: '7d' }, ...others, ...framePairs(form)]),
      label: 'Search the last 7 days',
    },
  }
}

/** Trigrams: shorter words are in no index. */
const WORTH_LOOKING_UP = 3

/** All that match stand on the page: that takes no counting. */
function countWhole({ form, found, tooBroad }: AuditFacts): number | undefined {
  const isWhole = form.place === undefined && found.next === undefined && !tooBroad
  return isWhole ? found.records.length : undefined
}

function presentPager(
  form: AuditForm,
  found: AuditSearchPage,
  matching: number | undefined,
): Pager {
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

/** The script asks what came since the newest record on the page. */
function newsHref(form: AuditForm, newest: AuditRecord | undefined): string {
  const since = newest === undefined ? [] : [{ name: 'newest', value: newest.id }]
  return `/audit/news?${queryText([...queryPairs(form), ...since])}`
}
