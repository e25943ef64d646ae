import type { DateTime } from 'luxon'
import { isUuid, type SessionId } from '../lib/ids.ts'
import { IS_OUT } from './person.ts'
import type { Scope } from './scope.ts'
import { readerOf, VISIBLE } from './session-visibility.ts'
import { parseRole, type RoleRow, type SessionRole } from './sessions.ts'
import { findRow, rows, type Db } from './store.ts'

export type ExtensionState = 'CREATED' | 'APPROVED' | 'DENIED' | 'CANCELED' | 'EXPIRED'

/** More time asked for a session under way, as the store holds it. */
export interface Extension {
  readonly id: string
  readonly sessionId: SessionId
  readonly organizationId: string
  readonly requesterId: string
  readonly requestedAt: DateTime<true>
  readonly oldEnd: DateTime<true>
  readonly newEnd: DateTime<true>
  readonly justification: string
  readonly state: ExtensionState
  readonly stateSince: DateTime<true>
  /** Why it was denied or canceled. */
  readonly reason: string | null
  /** The session's roles, with the approvals that this extension needs of its own. */
  readonly roles: readonly SessionRole[]
}

/** One extension, if it is there and the scope may see its session. */
export async function findExtension(
  db: Db,
  scope: Scope,
  id: string,
): Promise<Extension | undefined> {
  if (!isUuid(id)) return undefined
  const found = await rows<Row>(db, `${EXTENSION} and e.id = :id`, { ...readerOf(scope), id })
  return found.map(parseRow)[0]
}

/** The extensions of one session, oldest first; empty where the scope may not see it. */
export async function listExtensions(
  db: Db,
  scope: Scope,
  sessionId: SessionId,
): Promise<Extension[]> {
  const found = await rows<Row>(
    db,
    `${EXTENSION} and e.session_id = :sessionId order by e.requested_at, e.id`,
    { ...readerOf(scope), sessionId },
  )
  return found.map(parseRow)
}

/** Extensions that wait for a vote of the scope's person, oldest first. */
export async function listDecidableExtensions(
  db: Db,
  scope: Scope,
  limit: number,
): Promise<Extension[]> {
  const found = await rows<Row>(
    db,
    `${EXTENSION}
        and e.state = 'CREATED'
        and s.state = 'GRANTED'
        and s.end_at > now()
        and not same_hands(s.requester_id, cast(:person as uuid))
        and exists (select
                      from extension_roles r
                      join group_members g on g.group_id = r.approver_group_id
                     where r.extension_id = e.id
                       and r.state = 'PENDING'
                       and g.person_id = cast(:person as uuid)
                       and not exists (select
                                         from extension_approvals a
                                        where a.extension_id = e.id
                                          and a.role_id = r.role_id
                                          and a.person_id = g.person_id))
      order by e.requested_at, e.id
      limit :limit`,
    { ...readerOf(scope), limit },
  )
  return found.map(parseRow)
}

/** Where a moved end is not yet on the data source: since how many tries, and why. */
export function findExtensionJob(
  db: Db,
  sessionId: SessionId,
): Promise<{ readonly tries: number; readonly detail: string | null } | undefined> {
  return findRow(
    db,
    `select tries, detail
       from session_jobs
      where session_id = :sessionId
        and kind = 'extension'`,
    { sessionId },
  )
}

const ROLES = `
     select json_agg(json_build_object(
              'id', r.role_id, 'name', r.name, 'databaseRole', q.database_role, 'state', r.state,
              'needed', r.approvals_needed, 'approverGroupId', r.approver_group_id,
              'decidedAt', r.decided_at, 'dangerous', o.dangerous and r.approvals_needed >= 2,
              'approvers', coalesce(g.names, '[]'), 'approverIds', coalesce(g.ids, '[]'),
              'approvals', coalesce(v.votes, '[]')) order by r.place) as roles
       from extension_roles r
       join session_roles q on q.session_id = e.session_id and q.role_id = r.role_id
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
                                 and exists (select
                                               from group_members m
                                              where m.group_id = r.approver_group_id
                                                and m.person_id = a.person_id))
                       order by a.at, a.person_name) as votes
                from extension_approvals a
                join people p on p.id = a.person_id
               where a.extension_id = r.extension_id
                 and a.role_id = r.role_id) v on true
      where r.extension_id = e.id`

const EXTENSION = `
     select e.id, e.session_id as "sessionId", e.organization_id as "organizationId",
            e.requested_by as "requesterId", e.requested_at as "requestedAt", e.old_end as "oldEnd",
            e.new_end as "newEnd", e.justification, e.state, e.state_since as "stateSince", e.reason, asked.roles
       from session_extensions e
       join sessions s on s.id = e.session_id
      cross join lateral (${ROLES}) asked
      where ${VISIBLE}`

type Row = Omit<Extension, 'roles'> & { readonly roles: readonly RoleRow[] }

function parseRow({ roles, ...shared }: Row): Extension {
  return { ...shared, roles: roles.map(parseRole) }
}
