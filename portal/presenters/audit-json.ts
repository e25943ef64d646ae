import type { AuditRecord, RecordBody } from '../../db/audit-record.ts'
import type { SavedFilter } from '../../db/saved-filters.ts'
import { iso } from '../../db/store.ts'
import { isoOrNull } from './session-json.ts'

/** A record as the API and a file of JSON lines write it; the names are a promise to programs. */
export interface RecordJson {
  readonly id: string
  readonly at: string
  readonly action: string
  readonly scope: 'role' | 'session' | null
  readonly state: string | null
  readonly sessionId: string | null
  readonly actor: string
  readonly requester: string | null
  readonly roles: readonly string[]
  readonly username: string | null
  readonly start: string | null
  readonly end: string | null
  readonly dataSource: string | null
  readonly reason: string | null
  readonly clientIp: string | null
  readonly outcome: string
  readonly area: string
  /** The organization's name and number as they were then. */
  readonly company: string
  readonly accountId: string
  /** What was acted on. */
  readonly subject: NonNullable<RecordBody['subject']> | null
  readonly details: Readonly<Record<string, string>>
}

/** Times in UTC with milliseconds; texts exactly as they were recorded. */
export function presentRecordJson(record: AuditRecord): RecordJson {
  return {
    id: record.id,
    at: iso(record.at),
    action: record.action,
    scope: record.scope,
    state: record.state,
    sessionId: record.sessionId,
    actor: record.actor,
    requester: record.requester,
    roles: record.roles,
    username: record.username,
    start: isoOrNull(record.start),
    end: isoOrNull(record.end),
    dataSource: record.dataSource,
    reason: record.reason,
    clientIp: record.clientIp,
    outcome: record.outcome,
    area: record.area,
    company: record.body.organization.name,
    accountId: record.body.organization.account_id,
    subject: record.body.subject ?? null,
    details: record.body.details ?? {},
  }
}

/** A saved filter as the API answers with it. */
export interface SavedFilterJson {
  readonly id: string
  readonly name: string
  readonly shared: boolean
  /** The query of the Audit tab's address and of GET /api/v1/audit. */
  readonly query: string
  readonly owner: string
  readonly mine: boolean
  readonly changedAt: string
}

/** A saved filter as the API answers with it. */
export function savedFilterJson(filter: SavedFilter): SavedFilterJson {
  const { id, name, shared, query, owner, mine, changedAt } = filter
  return { id, name, shared, query, owner, mine, changedAt: iso(changedAt) }
}
