import type { AuditRecord, PrivateName } from '../../db/audit-record.ts'
import type { AuditRecordPage } from './audit-pages.ts'
import { clientIpText, reasonText, unprovenText } from './audit-columns.ts'
import { auditHref } from './audit-query.ts'
import { presentAuditRow, type RowFrame } from './audit-rows.ts'
import { presentMoment } from './moments.ts'
import type { Page } from './pieces.ts'
import { visible } from './visible.ts'
import { stampText } from './zones.ts'

type Fact = AuditRecordPage['facts'][number]

/** One record with everything its bytes say, and the other records of the same session. */
export function presentAuditRecord(
  page: Page,
  {
    record,
    related,
    frame,
  }: {
    readonly record: AuditRecord
    readonly related: readonly AuditRecord[]
    readonly frame: RowFrame
  },
): AuditRecordPage {
  const { sessionId } = record
  return {
    page,
    recordId: record.id,
    scope: record.scope ?? '',
    state: record.state ?? undefined,
    headline: visible(`${record.action} by ${record.actor}`),
    at: presentMoment(record.at, frame.zones),
    facts: factsOf(record, frame).map((fact) => ({ ...fact, value: visible(fact.value) })),
    canonical: visible(record.bytes),
    related: related
      .filter(({ id }) => id !== record.id)
      .map((other) => presentAuditRow(other, frame)),
    relatedHref:
      sessionId === null
        ? undefined
        : auditHref([
            { name: 'session', value: sessionId },
            { name: 'view', value: 'all' },
            { name: 'zone', value: frame.choice },
          ]),
    zoneSuffix: frame.times.suffix,
  }
}

/** Facts that the record does not hold are left out. */
function factsOf(record: AuditRecord, frame: RowFrame): Fact[] {
  const { body } = record
  const time = (at: AuditRecord['start']): string => (at === null ? '' : stampText(at, frame.times))
  const facts: Fact[] = [
    { name: 'Session ID', value: record.sessionId ?? '', href: sessionHref(record) },
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
    { name: 'Reason', value: reasonText(record) },
    { name: 'Client IP', value: clientIpText(record) },
    { name: 'Signed in by', value: body.auth_method ?? '' },
    { name: 'Company name', value: body.organization.name },
    { name: 'Account ID', value: body.organization.account_id },
    { name: 'Correlation ID', value: body.correlation_id },
    ...Object.entries(body.details ?? {}).map(([name, value]) => ({
      name: detailName(name),
      value,
    })),
    ...record.unproven.map(({ name }) => ({
      name: PRIVATE[name],
      value: unprovenText(record, name) ?? '',
    })),
  ]
  return facts.filter(({ value }) => value !== '')
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
