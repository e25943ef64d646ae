import type { DateTime } from 'luxon'
import { parseSessionId, type SessionId } from '../lib/ids.ts'
import type { SessionState } from './sessions.ts'
import {
  findRow,
  getRow,
  iso,
  PATIENCE,
  patienceOf,
  preparedRows,
  rows,
  type Transaction,
} from './store.ts'

type Instant = DateTime<true>

export interface NewSession {
  readonly uuid: string
  readonly organizationId: string
  readonly dataSourceId: string
  readonly requesterId: string
  readonly justification: string
  readonly start: Instant | null
  readonly end: Instant | null
  readonly minutes: number | null
  readonly requestHash: Buffer
  readonly diesAt: Instant
  /** The policy it was judged by. */
  readonly policyVersion: number
  readonly roles: readonly NewSessionRole[]
}

export interface NewSessionRole {
  readonly id: string
  readonly name: string
  readonly databaseRole: string
  readonly approverGroupId: string | null
  readonly needed: number
}

/** Takes the session's row lock, which every change of it begins with; false when there is none. */
export async function lockSession(tx: Transaction, id: SessionId): Promise<boolean> {
  const row = await findRow(tx, `select id from sessions where id = :id for update`, { id })
  return row !== undefined
}

/** The same, after waitAtMost in one go: no row is locked before it was joined with the setting. */
export async function lockSessionInTime(
  tx: Transaction,
  id: SessionId,
  milliseconds: number,
): Promise<boolean> {
  const [row] = await preparedRows(
    tx,
    `with patience as materialized (${PATIENCE})
     select s.id
       from patience
      cross join sessions s
      where s.id = :id
        for update of s`,
    { id, ...patienceOf(milliseconds) },
  )
  return row !== undefined
}

/** Writes a request with its first move and its roles, in the order they were named. */
export async function insertSession(
  tx: Transaction,
  at: Instant,
  session: NewSession,
): Promise<SessionId> {
  const { id } = await getRow<{ id: string }>(
    tx,
    `with made as (
       insert into sessions (uuid, organization_id, data_source_id, requester_id, state, state_since, justification,
                             start_at, end_at, minutes, request_hash, created_at, dies_at, policy_version)
       values (:uuid, :organizationId, :dataSourceId, :requesterId, 'CREATED', :at, :justification,
               :start, :end, :minutes, :requestHash, :at, :diesAt, :policyVersion)
    returning id, organization_id, move_count
     ), recorded as (
       insert into session_moves (session_id, organization_id, ordinal, from_state, to_state, at)
            select id, organization_id, move_count, 'NONE', 'CREATED', :at from made
     )
     select id from made`,
    {
      ...session,
      at: iso(at),
      start: isoOrNull(session.start),
      end: isoOrNull(session.end),
      diesAt: iso(session.diesAt),
    },
  )
  const made = parseSessionId(id)
  if (made === undefined) throw new Error(`not a session id: ${id}`)
  await insertRoles(tx, made, session)
  return made
}

/** What a move sets beside the state; absent members stay as they are. */
export interface MoveFacts {
  readonly id: SessionId
  readonly from: SessionState
  readonly to: SessionState
  readonly at: Instant
  readonly window?: { readonly start: Instant; readonly end: Instant } | undefined
  readonly username?: string | undefined
  readonly ending: boolean
  readonly reason?: string | undefined
}

/** Moves a session on, if it is still where the caller believes it; false means someone else got there first. */
export async function moveSession(tx: Transaction, move: MoveFacts): Promise<boolean> {
  if (move.username !== undefined) await nameUser(tx, { ...move, username: move.username })
  const [moved] = await preparedRows(
    tx,
    `with moved as (
          update sessions
             set state = :to, state_since = :at, move_count = move_count + 1,
                 start_at = coalesce(:start, start_at),
                 end_at = coalesce(:end, end_at),
                 dies_at = coalesce(:end, dies_at),
                 ended_at = case when :ending then cast(:at as timestamptz) end,
                 end_reason = :reason
           where id = :id
             and state = :from
       returning id, organization_id, move_count
     ), recorded as (
       insert into session_moves (session_id, organization_id, ordinal, from_state, to_state, at)
            select id, organization_id, move_count, :from, :to, :at from moved
     )
     select id from moved`,
    {
      id: move.id,
      from: move.from,
      to: move.to,
      at: iso(move.at),
      start: isoOrNull(move.window?.start),
      end: isoOrNull(move.window?.end),
      ending: move.ending,
      reason: move.reason ?? null,
    },
  )
  return moved !== undefined
}

export interface Vote {
  readonly sessionId: SessionId
  readonly roleId: string
  readonly person: { readonly id: string; readonly username: string }
  readonly comment: string
  readonly at: Instant
}

/** One vote on the request as it stands now; voting twice changes nothing. */
export async function insertApproval(tx: Transaction, vote: Vote): Promise<void> {
  await rows(
    tx,
    `insert into session_approvals (session_id, role_id, person_id, organization_id, person_name, comment,
                                    request_hash, at)
     select s.id, :roleId, :personId, s.organization_id, :personName, :comment, s.request_hash, :at
       from sessions s
      where s.id = :sessionId
        and s.state = 'CREATED'
         on conflict (session_id, role_id, person_id) do nothing`,
    {
      sessionId: vote.sessionId,
      roleId: vote.roleId,
      personId: vote.person.id,
      personName: vote.person.username,
      comment: vote.comment,
      at: iso(vote.at),
    },
  )
}

export interface RoleDecision {
  readonly sessionId: SessionId
  readonly roleId: string
  readonly state: 'APPROVED' | 'DENIED'
  readonly at: Instant
  /** Null for what the system approves by itself. */
  readonly by: string | null
}

/** Decides a role that still waits; false when it was decided before. */
export async function decideRole(tx: Transaction, decision: RoleDecision): Promise<boolean> {
  const decided = await findRow(
    tx,
    `   update session_roles
           set state = :state, decided_at = :at, decided_by = :by
         where session_id = :sessionId
           and role_id = :roleId
           and state = 'PENDING'
     returning role_id`,
    { ...decision, at: iso(decision.at) },
  )
  return decided !== undefined
}

/** Takes a session out of the lists, or with null puts it back; nothing else of it changes. */
export async function hideSession(
  tx: Transaction,
  id: SessionId,
  hiddenAt: Instant | null,
): Promise<void> {
  await rows(tx, `update sessions set hidden_at = :hiddenAt where id = :id`, {
    id,
    hiddenAt: isoOrNull(hiddenAt),
  })
}

/** Replaces the live client secret of a session by a new one, of which only the verifier is kept. */
export async function replaceCredential(
  tx: Transaction,
  credential: { readonly sessionId: SessionId; readonly verifier: string; readonly at: Instant },
): Promise<string> {
  const values = { ...credential, at: iso(credential.at) }
  await rows(
    tx,
    `update session_credentials
        set ended_at = :at
      where session_id = :sessionId
        and ended_at is null`,
    values,
  )
  const made = await getRow<{ id: string }>(
    tx,
    `insert into session_credentials (session_id, organization_id, verifier, made_at)
     select s.id, s.organization_id, :verifier, :at
       from sessions s
      where s.id = :sessionId
  returning id`,
    values,
  )
  return made.id
}

/** Apart from the move, because these columns are the broker's alone to write. */
async function nameUser(
  tx: Transaction,
  { id, from, at, username }: MoveFacts & { readonly username: string },
): Promise<void> {
  await rows(
    tx,
    `update sessions
        set username = :username, granted_at = :at
      where id = :id
        and state = :from`,
    { id, from, at: iso(at), username },
  )
}

async function insertRoles(tx: Transaction, id: SessionId, session: NewSession): Promise<void> {
  for (const [place, role] of session.roles.entries()) {
    await rows(
      tx,
      `insert into session_roles (session_id, role_id, organization_id, name, database_role, approver_group_id,
                                  approvals_needed, place, state)
       values (:sessionId, :id, :organizationId, :name, :databaseRole, :approverGroupId, :needed, :place, 'PENDING')`,
      { ...role, sessionId: id, organizationId: session.organizationId, place },
    )
  }
}

function isoOrNull(at: Instant | null | undefined): string | null {
  return at ? iso(at) : null
}
