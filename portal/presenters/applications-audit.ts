import type { Application } from '../../db/applications.ts'
import type { AuditSearchPage } from '../../db/audit-search.ts'
import { placeText } from '../forms/audit-cursor.ts'
import type { AuditForm } from '../forms/audit-filter.ts'
import { APPLICATIONS_TAB } from './application-words.ts'
import { presentTable } from './audit.ts'
import { activeFilters, auditHref, queryPairs, queryText, type Pair } from './audit-query.ts'
import type { RowFrame } from './audit-rows.ts'
import { AUDIT_VIEWS, type ColumnName } from './audit-views.ts'
import type { Empty, Page } from './pieces.ts'
import type { ApplicationsAuditPage } from './token-pages.ts'
import { statusOf } from './users.ts'
import { visible } from './visible.ts'

/** Who acts is chosen at left, so the table goes without. */
export const APPLICATION_COLUMNS: readonly ColumnName[] = [
  'at',
  'action',
  'subject',
  'session',
  'dataSource',
  'roles',
  'details',
  'reason',
  'clientIp',
]

/** What the page is drawn from. */
export interface ApplicationsAuditFacts {
  readonly page: Page
  readonly applications: readonly Application[]
  readonly chosen: Application | undefined
  /** The address names it; else it is the first of the list. */
  readonly isAsked: boolean
  /** The query read as the Audit tab reads it, with the chosen one as its actor. */
  readonly form: AuditForm
  readonly found: AuditSearchPage
  readonly frame: RowFrame
}

/** All that each application did, one at a time. */
export function presentApplicationsAudit(facts: ApplicationsAuditFacts): ApplicationsAuditPage {
  const { page, applications, chosen, isAsked, form, found, frame } = facts
  const pairs = pairsOf(form)
  const narrowing = activeFilters(form).filter(({ name }) => name !== 'actor')
  const hrefOf = (kept: readonly Pair[], application = chosen): string => hrefFor(application, kept)
  return {
    page,
    views: [
      { href: '/audit', label: AUDIT_VIEWS.sessions.label, current: false },
      { href: '/audit?view=all', label: AUDIT_VIEWS.all.label, current: false },
      { ...APPLICATIONS_TAB, current: true },
    ],
    applications: applications.map((application) => ({
      href: hrefOf(pairs, application),
      label: visible(application.displayName),
      current: application.id === chosen?.id,
      note: noteOf(application),
    })),
    heading: chosen === undefined ? '' : visible(chosen.displayName),
    listHref: isAsked ? '/audit/applications' : undefined,
    wrong: Object.values(form.mistakes).map(visible),
    filters: {
      kept: [
        ...(chosen === undefined ? [] : [{ name: 'application', value: chosen.id }]),
        { name: 'zone', value: form.zone.choice },
      ],
      fields: {
        since: { value: form.typed.since, error: form.mistakes['since'] },
        until: { value: form.typed.until, error: form.mistakes['until'] },
        action: { value: form.typed.action, error: form.mistakes['action'] },
        q: { value: form.typed.q, error: form.mistakes['q'] },
      },
    },
    chips: narrowing.map((chip) => ({
      label: visible(chip.label),
      href: hrefOf(pairs.filter(({ name, value }) => name !== chip.name || value !== chip.value)),
    })),
    clearHref: narrowing.length === 0 ? undefined : hrefOf([]),
    table: presentTable('Records of the application', found.records, {
      frame,
      query: `?${queryText(queryPairs(form))}`,
    }),
    empty: emptyFor(chosen, narrowing.length > 0),
    pager: {
      newest: form.place === undefined ? undefined : hrefOf(pairs),
      older: found.next && hrefOf([...pairs, cursorOf(form, found)]),
      text: `${found.records.length} ${found.records.length === 1 ? 'record' : 'records'} on this page`,
    },
    links: chosen === undefined ? [] : linksFor(form),
  }
}

/** What links of the page keep of its query: all but the actor, which the application stands for. */
function pairsOf(form: AuditForm): Pair[] {
  return queryPairs(form).filter(({ name }) => name !== 'actor' && name !== 'view')
}

function hrefFor(application: Application | undefined, kept: readonly Pair[]): string {
  const who = application === undefined ? [] : [{ name: 'application', value: application.id }]
  return `/audit/applications?${queryText([...who, ...kept])}`
}

function cursorOf(form: AuditForm, found: AuditSearchPage): Pair {
  const position = (form.place?.position ?? 0) + found.records.length
  return { name: 'cursor', value: found.next ? placeText({ ...found.next, position }) : '' }
}

function noteOf(application: Application): string {
  const { text } = statusOf(application)
  return `${visible(application.username)}${text === 'active' ? '' : `, ${text}`}`
}

function emptyFor(chosen: Application | undefined, isNarrowed: boolean): Empty {
  if (chosen === undefined) {
    return {
      heading: 'No applications yet',
      text: 'An application is a program with an account of its own. An admin adds one under Administration, Applications; what it does stands here.',
    }
  }
  return isNarrowed
    ? { heading: 'No records match', text: 'Take a filter off, or widen the time.' }
    : { heading: 'Nothing yet', text: `${visible(chosen.displayName)} has done nothing.` }
}

function linksFor(form: AuditForm): { href: string; label: string }[] {
  const pairs = queryPairs(form)
  const file = (format: string): string =>
    `/audit/download?${queryText([...pairs, { name: 'includeFilters', value: 'true' }, { name: 'format', value: format }])}`
  return [
    { href: auditHref(pairs), label: 'All filters, in the Audit tab' },
    { href: file('csv'), label: 'Download as CSV' },
    { href: file('text'), label: 'Download as text' },
    { href: file('jsonl'), label: 'Download as JSON lines' },
  ]
}
