import type { DateTime } from 'luxon'
import type { RecordState } from './audit-log.ts'
import type { PartScope, PersonScope } from './scope.ts'

/** Someone who may read the trail: an Audit User, or a part of Daypass. The type is the proof. */
export type AuditScope = PartScope | AuditUserScope
export type AuditUserScope = PersonScope & { readonly person: { readonly auditUser: true } }

/**
 * Which records are meant. The table, its counts and the download are all driven by one of these.
 * Names are matched whole and in any case; `*` in one stands for any text.
 */
export interface AuditFilter {
  /** `sessions` holds the state rows alone: one for each state that a session or role reached. */
  readonly view: 'sessions' | 'all'
  readonly since: DateTime<true> | null
  /** Inclusive. */
  readonly until: DateTime<true> | null
  readonly session: string | null
  /** None: every state. */
  readonly states: readonly RecordState[]
  readonly scope: 'role' | 'session' | null
  readonly action: string | null
  /** Verbs to the letter. None: every action. */
  readonly actions: readonly string[]
  /** To the letter. None: every area. */
  readonly areas: readonly string[]
  readonly actor: string | null
  readonly requester: string | null
  readonly role: string | null
  readonly username: string | null
  readonly dataSource: string | null
  readonly clientIp: string | null
  /** The name of what was acted on. */
  readonly subject: string | null
  /** The organization's name as it was then. */
  readonly company: string | null
  readonly accountId: string | null
  /** Found anywhere in the reason or justification. */
  readonly reason: string | null
  /** Found anywhere in actor, requester, roles, username, data source, action, subject, details or reason. */
  readonly q: string | null
}

/** The default view of the Audit tab: every state row. */
export const NO_FILTER: AuditFilter = {
  view: 'sessions',
  since: null,
  until: null,
  session: null,
  states: [],
  scope: null,
  action: null,
  actions: [],
  areas: [],
  actor: null,
  requester: null,
  role: null,
  username: null,
  dataSource: null,
  clientIp: null,
  subject: null,
  company: null,
  accountId: null,
  reason: null,
  q: null,
}

/** True where a person holds the Audit User flag. */
export function isAuditUser(scope: PersonScope): scope is AuditUserScope {
  return scope.person.auditUser
}
