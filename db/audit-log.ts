import type { DateTime } from 'luxon'
import { uuidv7 } from '../lib/ids.ts'
import { canonicalize, type Canonical } from './canonical.ts'
import { digestOf, privateValuesOf, type Payload } from './private-values.ts'
import type { Origin } from './scope.ts'
import { iso, preparedRows, type Transaction } from './store.ts'

export { digestOf, type PrivateValue } from './private-values.ts'

/** Every verb the product writes today; a verb joins the list when its action is wired. */
export const ACTIONS = [
  'auth.login',
  'auth.login_failed',
  'auth.logout',
  'auth.mfa_failed',
  'auth.stepped_up',
  'auth.locked',
  'auth.unlocked',
  'auth.sign_in_terminated',
  'access.refused',
  'session.created',
  'session.approved',
  'session.denied',
  'session.granted',
  'session.expired',
  'session.canceled',
  'session.terminated',
  'session.removed',
  'session.removal_blocked',
  'session.residue',
  'session.extension_requested',
  'session.extension_approved',
  'session.extension_denied',
  'session.extension_canceled',
  'session.extension_expired',
  'session.extended',
  'session.credential_made',
  'session.hidden',
  'session.shown',
  'role.approved',
  'role.denied',
  'connection.opened',
  'connection.closed',
  'connection.refused',
  'recording.viewed',
  'recording.exported',
  'recording.dropped',
  'recording.gap',
  'data_source.created',
  'data_source.changed',
  'data_source.tested',
  'role_definition.created',
  'role_definition.changed',
  'policy.changed',
  'policy.proposed',
  'policy.rejected',
  'group.created',
  'group.changed',
  'user.created',
  'user.locked',
  'user.unlocked',
  'user.username_changed',
  'user.name_changed',
  'user.email_changed',
  'user.expiration_changed',
  'user.disabled',
  'user.enabled',
  'user.deleted',
  'user.role_changed',
  'user.password_changed',
  'user.password_link_made',
  'mfa.enabled',
  'mfa.disabled',
  'mfa.updated_trusted_ips',
  'mfa.updated_totp',
  'mfa.updated_requirements',
  'mfa.factor_added',
  'mfa.factor_removed',
  'mfa.recovery_codes_made',
  'mfa.reset',
  'token.created',
  'token.deleted',
  'application.created',
  'application.changed',
  'application.deleted',
  'application.used',
  'task.succeeded',
  'task.failed',
  'alert.raised',
  'alert.resolved',
  'alert.rule_changed',
  'audit.downloaded',
  'settings.changed',
] as const
export type Action = (typeof ACTIONS)[number]

/** Where in the product it happened: what an auditor narrows by. */
export const AREAS = [
  'sign-in',
  'sessions',
  'connections',
  'data sources',
  'roles',
  'groups',
  'users',
  'tokens',
  'applications',
  'tasks',
  'alerts',
  'policy',
  'audit',
  'settings',
] as const
export type Area = (typeof AREAS)[number]

/** The seven states of seed and store. */
export type RecordState =
  'CREATED' | 'APPROVED' | 'GRANTED' | 'DENIED' | 'EXPIRED' | 'CANCELED' | 'TERMINATED'

/** A session as a record shows it: a snapshot, never rewritten. */
export interface SessionSnapshot {
  readonly id: string
  readonly uuid: string
  /** The ordinal of the move, or of the last one, that the record stands beside. */
  readonly ordinal: number
  readonly requester: string
  readonly roles: readonly string[]
  /** "TBD" while a user may still be made, "-" once it can't, the name after. */
  readonly username: string
  /** Null on role rows and while a window counts from its approval. */
  readonly start: DateTime<true> | null
  readonly end: DateTime<true> | null
}

/** What happened, as its writer knows it; who, where and when come beside it. */
export interface RecordDraft {
  readonly action: Action
  readonly area: Area
  readonly outcome: 'ok' | 'refused' | 'failed'
  readonly subject?: { readonly type: string; readonly id: string; readonly name: string }
  readonly dataSource?: { readonly id: string; readonly name: string }
  readonly session?: SessionSnapshot
  /** State rows alone: the rows of the Audit tab's default view. */
  readonly scope?: 'role' | 'session'
  readonly state?: RecordState
  /** Kept beside the record, with only its salted digest in it. */
  readonly reason?: string
  readonly justification?: string
  readonly details?: Readonly<Record<string, string>>
}

const BODY_VERSION = '1'

/**
 * Writes one record of the trail, in the transaction of the change it tells of. `at` is the
 * store's clock, asked after the row was locked. The canonical body is described in docs/records.md.
 */
export async function appendRecord(
  tx: Transaction,
  origin: Origin,
  at: DateTime<true>,
  draft: RecordDraft,
): Promise<void> {
  await preparedRows(
    tx,
    `with appended as (
       insert into records (at, event_id, organization_id, action, area, scope, state, session_id, actor_id,
                            actor_name, requester, roles, username, start_at, end_at, data_source, sign_in_id,
                            outcome, body)
       values (:at, :event_id, :organization_id, :action, :area, :scope, :state, :session_id, :actor_id,
               :actor_name, :requester, :roles, :username, :start_at, :end_at, :data_source, :sign_in_id,
               :outcome, :body)
    returning at, seq, organization_id
     )
     insert into record_payloads (at, seq, organization_id, payload, keys)
     select at, seq, organization_id, cast(:payload as jsonb),
            payload_keys(record_keys(organization_id, :action, :area, :scope, :state, :actor_name, :requester,
                                     cast(:roles as text[]), :username, :data_source, :subject, :company, :account_id),
                         organization_id, cast(:payload as jsonb))
       from appended
      where :payload <> '{}'`,
    rowOf({ origin, at, draft }),
  )
}

/** What appendRecord takes, for one of several. */
export interface RecordEntry {
  readonly origin: Origin
  readonly at: DateTime<true>
  readonly draft: RecordDraft
}

/** As appendRecord, for several in one statement and in their order. */
export async function appendRecords(
  tx: Transaction,
  entries: readonly RecordEntry[],
): Promise<void> {
  if (entries.length === 0) return
  await preparedRows(
    tx,
    `with drafts as (
       select d.*
         from rows from (jsonb_to_recordset(cast(:drafts as jsonb))
                as (at timestamptz, event_id uuid, organization_id uuid, action text, area text, scope text,
                    state text, session_id bigint, actor_id text, actor_name text, requester text,
                    roles text[], username text, start_at timestamptz, end_at timestamptz, data_source text,
                    sign_in_id text, outcome text, body text, payload text, subject text, company text,
                    account_id text))
              with ordinality as d
     ), appended as (
       insert into records (at, event_id, organization_id, action, area, scope, state, session_id, actor_id,
                            actor_name, requester, roles, username, start_at, end_at, data_source, sign_in_id,
                            outcome, body)
       select at, event_id, organization_id, action, area, scope, state, session_id, actor_id, actor_name,
              requester, roles, username, start_at, end_at, data_source, sign_in_id, outcome, body
         from drafts
        order by ordinality
    returning at, seq, organization_id, event_id
     )
     insert into record_payloads (at, seq, organization_id, payload, keys)
     select a.at, a.seq, a.organization_id, cast(d.payload as jsonb),
            payload_keys(record_keys(d.organization_id, d.action, d.area, d.scope, d.state, d.actor_name, d.requester,
                                     d.roles, d.username, d.data_source, d.subject, d.company, d.account_id),
                         d.organization_id, cast(d.payload as jsonb))
       from appended a
       join drafts d using (event_id)
      where d.payload <> '{}'`,
    { drafts: JSON.stringify(entries.map(rowOf)) },
  )
}

/** A record as the store's columns hold it. */
export function rowOf({ origin, at, draft }: RecordEntry) {
  const payload = privateValuesOf({ ...draft, ...origin })
  const eventId = uuidv7(at.toMillis())
  return {
    at: iso(at),
    event_id: eventId,
    organization_id: origin.organization.id,
    action: draft.action,
    area: draft.area,
    scope: draft.scope ?? null,
    state: draft.state ?? null,
    session_id: draft.session?.id ?? null,
    actor_id: origin.actor.id,
    actor_name: origin.actor.name,
    requester: draft.session?.requester ?? null,
    roles: draft.session?.roles ?? [],
    username: draft.session?.username ?? null,
    start_at: draft.session?.start ? iso(draft.session.start) : null,
    end_at: draft.session?.end ? iso(draft.session.end) : null,
    data_source: draft.dataSource?.name ?? null,
    sign_in_id: origin.signInId ?? null,
    outcome: draft.outcome,
    // refuses what can't be stored, and everything above is in it
    body: canonicalize(bodyOf({ origin, at, draft, eventId, payload })),
    payload: JSON.stringify(payload),
    // the store reads these out of the body; beside private values they are looked up too
    subject: draft.subject?.name ?? null,
    company: origin.organization.name,
    account_id: origin.organization.accountId,
  }
}

interface BodyParts {
  readonly origin: Origin
  readonly at: DateTime<true>
  readonly draft: RecordDraft
  readonly eventId: string
  readonly payload: Payload
}

function bodyOf({ origin, at, draft, eventId, payload }: BodyParts): Canonical {
  const { organization, actor } = origin
  const digests = Object.fromEntries(
    Object.entries(payload).map(([name, value]) => [name, digestOf(value)]),
  )
  return {
    version: BODY_VERSION,
    event_id: eventId,
    organization: {
      id: organization.id,
      name: organization.name,
      account_id: organization.accountId,
    },
    at: iso(at),
    action: draft.action,
    area: draft.area,
    actor: { type: actor.type, id: actor.id, name: actor.name },
    sign_in_id: origin.signInId,
    auth_method: origin.authMethod,
    token_id: origin.tokenId,
    subject: draft.subject,
    data_source: draft.dataSource,
    session: draft.session && sessionBody(draft.session),
    scope: draft.scope,
    state: draft.state,
    outcome: draft.outcome,
    correlation_id: origin.correlationId,
    details: draft.details,
    ...digests,
  }
}

function sessionBody(session: SessionSnapshot): Canonical {
  return {
    id: session.id,
    uuid: session.uuid,
    ordinal: String(session.ordinal),
    requester: session.requester,
    roles: session.roles,
    username: session.username,
    start: session.start ? iso(session.start) : undefined,
    end: session.end ? iso(session.end) : undefined,
  }
}
