import { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { IS_OUT } from './person.ts'
import type { Approval, Session, SessionRole, SessionState } from './session.ts'
import { LOGIN_LEFT, type Removal } from './removals.ts'
import { DECIDABLE, readerOf, VISIBLE } from './session-visibility.ts'
import { preparedRows, rows, type Db } from './store.ts'

export type * from './session.ts'

/** What to list; absent members narrow nothing. */
export interface SessionFilter {
  /** Only these, as far as the scope may see them. */
  readonly ids?: readonly SessionId[]
  readonly state?: readonly SessionState[]
  readonly mine?: boolean
  readonly decidableByMe?: boolean
  /** True: only ended ones; false: only those still under way. */
  readonly ended?: boolean
  readonly showHidden?: boolean
  /** Only sessions older than this one: the next page. */
  readonly before?: SessionId
  readonly limit?: number
}

export interface Move {
  readonly ordinal: number
  readonly from: string
  readonly to: SessionState
  readonly at: DateTime<true>
}

const DEFAULT_LIMIT = 50

/** One session, if it is there and the scope may see it. */
export async function findSession(
  db: Db,
  scope: Scope,
  id: SessionId,
): Promise<Session | undefined> {
  const { sql, bindings } = oneSession(scope, id)
  return (await preparedRows<Row>(db, sql, bindings)).map(parseRow)[0]
}

/** The same, with the moment it was read, by the store's clock in whole milliseconds. */
export async function findSessionNow(
  db: Db,
  scope: Scope,
  id: SessionId,
): Promise<{ readonly session: Session; readonly now: DateTime<true> } | undefined> {
  const { sql, bindings } = oneSession(scope, id)
  const [found] = await preparedRows<Row & { readonly now: DateTime<true> }>(
    db,
    `with asked as (${sql})
     select asked.*, date_trunc('milliseconds', clock_timestamp()) as now
       from asked`,
    bindings,
  )
  if (found === undefined) return undefined
  const { now, ...row } = found
  return { session: parseRow(row), now }
}

/** Sessions the scope may see, newest first. */
export async function listSessions(
  db: Db,
  scope: Scope,
  filter: SessionFilter = {},
): Promise<Session[]> {
  const found = await rows<Row>(
    db,
    `${SESSION}
        and (cast(:ids as bigint[]) is null or s.id = any (cast(:ids as bigint[])))
        and (cast(:states as text[]) is null or s.state = any (cast(:states as text[])))
        and (not cast(:mine as boolean) or s.requester_id = cast(:person as uuid))
        and (cast(:ended as boolean) is null or (s.ended_at is not null) = cast(:ended as boolean))
        and (cast(:showHidden as boolean) or s.hidden_at is null)
        and (cast(:before as bigint) is null or s.id < cast(:before as bigint))
        and (not cast(:decidable as boolean) or (${DECIDABLE}))
      order by s.id desc
      limit :limit`,
    {
      ...readerOf(scope),
      ids: filter.ids ?? null,
      states: filter.state ?? null,
      mine: filter.mine ?? false,
      ended: filter.ended ?? null,
      showHidden: filter.showHidden ?? false,
      before: filter.before ?? null,
      decidable: filter.decidableByMe ?? false,
      limit: filter.limit ?? DEFAULT_LIMIT,
    },
  )
  return found.map(parseRow)
}

/** The moves of one session in order; empty where the scope may not see it. */
export async function listMoves(db: Db, scope: Scope, id: SessionId): Promise<Move[]> {
  return rows(
    db,
    `select m.ordinal, m.from_state as "from", m.to_state as "to", m.at
       from session_moves m
       join sessions s on s.id = m.session_id
      where ${VISIBLE}
        and s.id = :id
      order by m.ordinal`,
    { ...readerOf(scope), id },
  )
}

const ROLES = `
     select json_agg(json_build_object(
              'id', r.role_id, 'name', r.name, 'databaseRole', r.database_role, 'state', r.state,
              'needed', r.approvals_needed, 'approverGroupId', r.approver_group_id,
              'decidedAt', r.decided_at, 'dangerous', o.dangerous and r.approvals_needed >= 2,
              'approvers', coalesce(g.names, '[]'), 'approverIds', coalesce(g.ids, '[]'),
              'approvals', coalesce(v.votes, '[]')) order by r.place) as roles
       from session_roles r
       join roles o on o.id = r.role_id
       left join lateral (
              select json_agg(p.username order by p.username) as names,
                     json_agg(p.id order by p.username) as ids
                from group_members m
                join people p on p.id = m.person_id
               where m.group_id = r.approver_group_id
                 and not ${IS_OUT}) g on true
       left join lateral (
              select json_agg(json_build_object(
                       'personId', a.person_id, 'by', a.person_name, 'at', a.at, 'comment', a.comment,
                       'counts', not ${IS_OUT}
                                 and not same_hands(a.person_id, s.requester_id)
                                 and a.request_hash = s.request_hash
                                 and exists (select
                                               from group_members m
                                              where m.group_id = r.approver_group_id
                                                and m.person_id = a.person_id))
                       order by a.at, a.person_name) as votes
                from session_approvals a
                join people p on p.id = a.person_id
               where a.session_id = r.session_id
                 and a.role_id = r.role_id) v on true
      where r.session_id = s.id`

/**
 * A part sees every session, which is said in the text and not by values: with them PostgreSQL would
 * think it pays to plan anew each time, and planning takes five times as long as looking.
 */
function oneSession(
  scope: Scope,
  id: SessionId,
): { readonly sql: string; readonly bindings: Readonly<Record<string, unknown>> } {
  return scope.kind === 'part'
    ? { sql: `${ANY_SESSION} where s.id = :id`, bindings: { id } }
    : { sql: `${SESSION} and s.id = :id`, bindings: { ...readerOf(scope), id } }
}

const ANY_SESSION = `
     select s.id, s.uuid, s.organization_id as "organizationId", s.state, s.state_since as "stateSince",
            s.move_count as "moveCount", s.data_source_id as "dataSourceId", d.name as "dataSourceName",
            s.requester_id as "requesterId", p.username as "requesterUsername",
            p.display_name as "requesterName", ${IS_OUT} as "requesterDisabled",
            s.justification, s.start_at as "start", s.end_at as "end", s.minutes,
            s.request_hash as "requestHash", s.created_at as "createdAt", s.dies_at as "diesAt",
            s.username, s.granted_at as "grantedAt", s.ended_at as "endedAt",
            s.end_reason as "endReason", s.removed_at as "removedAt", s.hidden_at as "hiddenAt",
            case when s.ended_at is null then 'none'
                 when j.blocked_at is not null then 'blocked'
                 when j.session_id is not null or (u.session_id is not null and u.removed_at is null) then 'pending'
                 when s.removed_at is not null then 'done'
                 else 'none'
            end as "removalState", j.detail as "removalDetail",
${LOGIN_LEFT} as "removalLogin",
            case when s.state = 'APPROVED' and s.start_at <= now()
                 then case when d.disabled_at is null then w.detail else 'the data source is disabled.' end
            end as "waitingFor", s.policy_version as "policyVersion", asked.roles
       from sessions s
       join data_sources d on d.id = s.data_source_id
       join people p on p.id = s.requester_id
       left join session_users u on u.session_id = s.id
       left join session_jobs j on j.session_id = s.id and j.kind = 'removal'
       left join session_jobs w on w.session_id = s.id and w.kind = 'grant'
      cross join lateral (${ROLES}) asked`

const SESSION = `${ANY_SESSION}
      where ${VISIBLE}`

type Shared = Omit<Session, 'dataSource' | 'requester' | 'roles' | 'removal'>

interface Row extends Shared {
  readonly dataSourceId: string
  readonly dataSourceName: string
  readonly requesterId: string
  readonly requesterUsername: string
  readonly requesterName: string
  readonly requesterDisabled: boolean
  readonly removalState: Removal['state']
  readonly removalDetail: string | null
  readonly removalLogin: Removal['login']
  readonly roles: readonly RoleRow[]
}

/** A role inside JSON, where instants come as text. */
export interface RoleRow extends Omit<SessionRole, 'decidedAt' | 'approvals'> {
  readonly decidedAt: string | null
  readonly approvals: readonly (Omit<Approval, 'at'> & { readonly at: string })[]
}

function parseRow(row: Row): Session {
  const { dataSourceId, dataSourceName, roles, ...rest } = row
  const { removalState, removalDetail, removalLogin, ...others } = rest
  const { requesterId, requesterUsername, requesterName, requesterDisabled, ...shared } = others
  const isDue = removalState === 'pending' || removalState === 'blocked'
  return {
    ...shared,
    dataSource: { id: dataSourceId, name: dataSourceName },
    requester: {
      id: requesterId,
      username: requesterUsername,
      displayName: requesterName,
      disabled: requesterDisabled,
    },
    removal: { state: removalState, detail: removalDetail, login: isDue ? removalLogin : null },
    roles: roles.map(parseRole),
  }
}

/** A role with its votes, as JSON brings it. */
export function parseRole(role: RoleRow): SessionRole {
  return {
    ...role,
    decidedAt: role.decidedAt === null ? null : parseInstant(role.decidedAt),
    approvals: role.approvals.map((approval) => ({ ...approval, at: parseInstant(approval.at) })),
  }
}

function parseInstant(text: string): DateTime<true> {
  const instant = DateTime.fromISO(text, { zone: 'utc' })
  if (!instant.isValid) throw new Error(`not an instant: ${text}`)
  return instant
}
