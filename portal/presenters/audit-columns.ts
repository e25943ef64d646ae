import type { DateTime } from 'luxon'
import type { AuditRecord, PrivateName } from '../../db/audit-record.ts'
import { iso } from '../../db/store.ts'
import { stampText, type TimeColumn } from './zones.ts'

/** One column of a downloaded file. */
export interface AuditColumn {
  readonly heading: string
  readonly value: (record: AuditRecord) => string
}

/** The columns of the Audit tab, then the same instants as ISO-8601 in UTC. */
export function auditColumns(times: TimeColumn): AuditColumn[] {
  const local = (at: DateTime<true> | null): string => (at === null ? '' : stampText(at, times))
  const utc = (at: DateTime<true> | null): string => (at === null ? '' : iso(at))
  const column = (heading: string, value: AuditColumn['value']): AuditColumn => ({ heading, value })
  return [
    column(`Log Timestamp (${times.suffix})`, ({ at }) => local(at)),
    column('Session ID', ({ sessionId }) => sessionId ?? ''),
    column('Status', ({ state, action }) => state ?? action),
    column('Scope', ({ scope }) => scope ?? ''),
    column('Actor', ({ actor }) => actor),
    column('Requester', ({ requester }) => requester ?? ''),
    column('Roles', ({ roles }) => roles.join(', ')),
    column('Session Username', ({ username }) => username ?? ''),
    column(`Session Start Timestamp (${times.suffix})`, ({ start }) => local(start)),
    column(`Session End Timestamp (${times.suffix})`, ({ end }) => local(end)),
    column('Data Source', ({ dataSource }) => dataSource ?? ''),
    column('Reason', reasonText),
    column('Client IP', clientIpText),
    column('Log Time UTC', ({ at }) => iso(at)),
    column('Session Start UTC', ({ start }) => utc(start)),
    column('Session End UTC', ({ end }) => utc(end)),
  ]
}

/** The reason, or why the one that was given can't be shown. */
export function reasonText(record: AuditRecord): string {
  return (
    record.reason ?? unprovenText(record, 'reason') ?? unprovenText(record, 'justification') ?? ''
  )
}

/** The client's address, or why it can't be shown. */
export function clientIpText(record: AuditRecord): string {
  return record.clientIp ?? unprovenText(record, 'client_ip') ?? ''
}

/** What stands in for a private value that was erased, or that is not the one recorded. */
export function unprovenText({ unproven }: AuditRecord, name: PrivateName): string | undefined {
  const found = unproven.find((value) => value.name === name)
  return found && (found.why === 'erased' ? '[erased]' : '[altered: differs from the record]')
}
