import type { DateTime } from 'luxon'
import type { RecordState } from './audit-log.ts'
import { organizationIdOf, type PartScope, type PersonScope } from './scope.ts'
import { iso } from './store.ts'

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
  readonly actor: string | null
  readonly requester: string | null
  readonly role: string | null
  readonly username: string | null
  readonly dataSource: string | null
  readonly clientIp: string | null
  /** Found anywhere in the reason or justification. */
  readonly reason: string | null
  /** Found anywhere in actor, requester, roles, username, data source, action or reason. */
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
  actor: null,
  requester: null,
  role: null,
  username: null,
  dataSource: null,
  clientIp: null,
  reason: null,
  q: null,
}

/** True where a person holds the Audit User flag. */
export function isAuditUser(scope: PersonScope): scope is AuditUserScope {
  return scope.person.auditUser
}

/**
 * The conditions on `records r` that a filter stands for. Everything is bound; what is not asked
 * for is bound as null, and PostgreSQL folds it away before it plans.
 */
export const MATCHING = `
        r.organization_id = coalesce(cast(:organization as uuid), r.organization_id)
    and (cast(:everything as boolean) or r.state is not null)
    and (cast(:since as timestamptz) is null or r.at >= cast(:since as timestamptz))
    and (cast(:until as timestamptz) is null or r.at <= cast(:until as timestamptz))
    and (cast(:session as bigint) is null or r.session_id = cast(:session as bigint))
    and (cast(:states as text[]) is null or r.state = any(cast(:states as text[])))
    and (cast(:scope as text) is null or r.scope = cast(:scope as text))
    and (cast(:action as text) is null or r.action ilike cast(:action as text))
    and (cast(:actor as text) is null or r.actor_name ilike cast(:actor as text))
    and (cast(:requester as text) is null or r.requester ilike cast(:requester as text))
    and (cast(:role as text) is null
         or exists (select from unnest(r.roles) as names(role) where names.role ilike cast(:role as text)))
    and (cast(:username as text) is null or r.username ilike cast(:username as text))
    and (cast(:dataSource as text) is null or r.data_source ilike cast(:dataSource as text))
    and (cast(:clientIp as text) is null
         or exists (select from record_payloads p
                     where p.at = r.at and p.seq = r.seq
                       and p.payload #>> '{client_ip,value}' ilike cast(:clientIp as text)))
    and (cast(:reason as text) is null
         or exists (select from record_payloads p
                     where p.at = r.at and p.seq = r.seq
                       and concat_ws(' ', p.payload #>> '{reason,value}', p.payload #>> '{justification,value}')
                           ilike cast(:reason as text)))
    and (cast(:q as text) is null
         or concat_ws(' ', r.actor_name, r.requester, array_to_string(r.roles, ' '), r.username, r.data_source, r.action)
            ilike cast(:q as text)
         or exists (select from record_payloads p
                     where p.at = r.at and p.seq = r.seq
                       and concat_ws(' ', p.payload #>> '{reason,value}', p.payload #>> '{justification,value}')
                           ilike cast(:q as text)))`

/** The values that MATCHING binds. */
export function bindingsOf(scope: AuditScope, filter: AuditFilter): Record<string, unknown> {
  return {
    organization: organizationIdOf(scope),
    everything: filter.view === 'all',
    since: filter.since && iso(filter.since),
    until: filter.until && iso(filter.until),
    session: filter.session,
    states: filter.states.length === 0 ? null : filter.states,
    scope: filter.scope,
    action: wholePattern(filter.action),
    actor: wholePattern(filter.actor),
    requester: wholePattern(filter.requester),
    role: wholePattern(filter.role),
    username: wholePattern(filter.username),
    dataSource: wholePattern(filter.dataSource),
    clientIp: wholePattern(filter.clientIp),
    reason: partPattern(filter.reason),
    q: partPattern(filter.q),
  }
}

function wholePattern(text: string | null): string | null {
  return text === null ? null : literal(text).replaceAll('*', '%')
}

function partPattern(text: string | null): string | null {
  return text === null ? null : `%${literal(text)}%`
}

/** What LIKE would read as wildcards, taken literally. */
function literal(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&')
}
