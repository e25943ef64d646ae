import { DateTime } from 'luxon'
import type { AuditScope } from '../db/audit-filter.ts'
import type { AuditRecord } from '../db/audit-record.ts'
import { listSessions, type Session } from '../db/sessions.ts'
import { parseSessionId, type SessionId } from '../lib/ids.ts'
import type { PortalDeps } from './deps.ts'
import type { AuditForm } from './forms/audit-filter.ts'
import type { RowFrame } from './presenters/audit-rows.ts'
import type { ColumnName } from './presenters/audit-views.ts'
import type { Zones } from './presenters/moments.ts'
import { timeColumn } from './presenters/zones.ts'

/** What rows are drawn with; the sessions they speak of are read in one statement for the whole page. */
export async function frameFor(
  { store }: PortalDeps,
  scope: AuditScope,
  {
    zone,
    zones,
    columns,
    records,
  }: {
    readonly zone: AuditForm['zone']
    readonly zones: Zones
    readonly columns: readonly ColumnName[]
    readonly records: readonly AuditRecord[]
  },
): Promise<RowFrame> {
  const named = records.map(({ sessionId }) => parseSessionId(sessionId ?? ''))
  const ids = [...new Set(named.filter((id): id is SessionId => id !== undefined))]
  const found: readonly Session[] =
    ids.length === 0
      ? []
      : await listSessions(store.db, scope, { ids, showHidden: true, limit: ids.length })
  return {
    columns,
    times: timeColumn(zone.name, DateTime.utc()),
    zones,
    choice: zone.choice,
    sessions: new Map(found.map((session) => [session.id, session])),
  }
}
