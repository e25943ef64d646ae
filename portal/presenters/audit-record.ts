import type { AuditRecord, PrivateName } from '../../db/audit-record.ts'
import type { ConnectionCounts } from '../../db/statement-counts.ts'
import type { AuditForm } from '../forms/audit-filter.ts'
import { presentTable } from './audit.ts'
import { clientIpText, reasonText, unprovenText } from './audit-columns.ts'
import type { AuditFact, AuditRecordPage, RelatedRecords } from './audit-pages.ts'
import { activeFilters, auditHref, queryPairs, queryText } from './audit-query.ts'
import { relatedHref, type RowFrame } from './audit-rows.ts'
import { totalsOf } from './connections.ts'
import { presentMoment } from './moments.ts'
import type { Page } from './pieces.ts'
import { visible } from './visible.ts'
import { stampText } from './zones.ts'

/** Records that speak of the same session, request or thing, newest first. */
export type Related = Readonly<Record<'session' | 'request' | 'subject', readonly AuditRecord[]>>

export interface RecordFacts {
  readonly record: AuditRecord
  readonly related: Related
  readonly neighbours: {
    readonly newer: AuditRecord | undefined
    readonly older: AuditRecord | undefined
  }
  /** Of the record's session; undefined where there are too many. */
  readonly statements: ReadonlyMap<string, ConnectionCounts> | undefined
  /** The selection that the reader came from. */
  readonly form: AuditForm
  readonly frame: RowFrame
}

/** One record with everything its bytes say, and the records around it. */
export function presentAuditRecord(page: Page, facts: RecordFacts): AuditRecordPage {
  const { record, neighbours, form, frame } = facts
  const query = queryText(queryPairs(form))
  const to = (other: AuditRecord | undefined): string | undefined =>
    other && `/audit/${other.id}?${query}`
  return {
    page,
    recordId: record.id,
    scope: record.scope ?? '',
    state: record.state ?? undefined,
    outcome: record.outcome === 'ok' ? undefined : record.outcome,
    headline: visible(`${record.action} by ${record.actor}`),
    at: presentMoment(record.at, frame.zones),
    backHref:
      activeFilters(form).length === 0 && form.view === 'sessions' ? '/audit' : `/audit?${query}`,
    newer: to(neighbours.newer),
    older: to(neighbours.older),
    facts: shown(factsOf(facts)),
    details: shown(detailsOf(record)),
    canonical: visible(record.bytes),
    related: presentRelated(facts),
  }
}

/** Facts that the record does not hold are left out. */
function shown(facts: readonly AuditFact[]): AuditFact[] {
  return facts
    .filter(({ value }) => value !== '')
    .map((fact) => ({ ...fact, name: visible(fact.name), value: visible(fact.value) }))
}

function factsOf({ record, frame, statements }: RecordFacts): AuditFact[] {
  const { body } = record
  const time = (at: AuditRecord['start']): string => (at === null ? '' : stampText(at, frame.times))
  return [
    { name: 'Session ID', value: record.sessionId ?? '', href: sessionHref(record) },
    { name: 'Action', value: record.action },
    { name: 'Outcome', value: record.outcome },
    { name: 'Area', value: record.area },
    { name: 'Actor', value: `${body.actor.name} (${body.actor.type})` },
    { name: 'Subject', value: body.subject ? `${body.subject.type} ${body.subject.name}` : '' },
    { name: 'Requester', value: record.requester ?? '' },
    { name: 'Roles', value: record.roles.join(', ') },
    { name: 'Session Username', value: record.username ?? '' },
    { name: `Session Start Timestamp (${frame.times.suffix})`, value: time(record.start) },
    { name: `Session End Timestamp (${frame.times.suffix})`, value: time(record.end) },
    { name: 'Data Source', value: record.dataSource ?? '' },
    { name: 'Statements', value: statementsText(record, statements), href: sessionHref(record) },
    { name: 'Reason', value: reasonText(record) },
    { name: 'Client IP', value: clientIpText(record) },
    { name: 'Signed in by', value: body.auth_method ?? '' },
    { name: 'Company name', value: body.organization.name },
    { name: 'Account ID', value: body.organization.account_id },
    { name: 'Correlation ID', value: body.correlation_id },
  ]
}

/** What was run in the whole session, as of now: `12, of which 1 failed`. */
function statementsText({ sessionId }: AuditRecord, counts: RecordFacts['statements']): string {
  const { statements, errors } = totalsOf(counts, null)
  if (sessionId === null || statements === undefined) return ''
  return errors === undefined || errors === '0'
    ? statements
    : `${statements}, of which ${errors} failed`
}

function detailsOf(record: AuditRecord): AuditFact[] {
  return [
    ...Object.entries(record.body.details ?? {}).map(([name, value]) => ({
      name: detailName(name),
      value,
    })),
    ...record.unproven.map(({ name }) => ({
      name: PRIVATE[name],
      value: unprovenText(record, name) ?? '',
    })),
  ]
}

function presentRelated({ record, related, frame }: RecordFacts): RelatedRecords[] {
  const { subject } = record.body
  const table = (heading: string, records: readonly AuditRecord[]): RelatedRecords['table'] =>
    presentTable(heading, records, { frame, query: '' })
  const all: RelatedRecords[] = []
  if (record.sessionId !== null) {
    all.push({
      heading: 'Of the same session',
      empty: 'No other record speaks of the same session.',
      table: table('Records of the same session', related.session),
      href: relatedHref(record.sessionId, frame.choice),
    })
  }
  all.push({
    heading: 'Of the same request',
    empty: 'No other record was written by the same request or tick.',
    table: table('Records of the same request', related.request),
  })
  if (subject !== undefined) {
    all.push({
      heading: 'About the same subject',
      empty: `No other record is about ${visible(subject.name)}.`,
      table: table('Records about the same subject', related.subject),
      href: auditHref([
        { name: 'subject', value: subject.name },
        { name: 'view', value: 'all' },
        { name: 'zone', value: frame.choice },
      ]),
    })
  }
  return all
}

const PRIVATE: Readonly<Record<PrivateName, string>> = {
  reason: 'Reason as recorded',
  justification: 'Justification as recorded',
  client_ip: 'Client IP as recorded',
  user_agent: 'User agent as recorded',
}

/** `include_filters` reads as `Include filters`. */
function detailName(name: string): string {
  const words = name.replaceAll('_', ' ')
  return words.slice(0, 1).toUpperCase() + words.slice(1)
}

function sessionHref({ sessionId }: AuditRecord): string | undefined {
  return sessionId === null ? undefined : `/sessions/${sessionId}`
}
