import type { SessionId } from '../lib/ids.ts'
import type { SessionState } from './sessions.ts'
import { rows, type Db } from './store.ts'

interface Due {
  readonly id: SessionId
}

/** Sessions whose time ran out, longest overdue first. */
export async function listExpiring(db: Db, limit: number): Promise<SessionId[]> {
  const due = await rows<Due>(
    db,
    `select id
       from sessions
      where state in ('CREATED', 'APPROVED', 'GRANTED')
        and coalesce(end_at, dies_at) <= now()
      order by coalesce(end_at, dies_at), id
      limit :limit`,
    { limit },
  )
  return due.map(({ id }) => id)
}

/** Sessions under way whose requester was disabled. */
export async function listOrphaned(db: Db, limit: number): Promise<SessionId[]> {
  const due = await rows<Due>(
    db,
    `select s.id
       from sessions s
       join people p on p.id = s.requester_id
      where s.state in ('CREATED', 'APPROVED', 'GRANTED')
        and p.disabled_at is not null
      order by s.id
      limit :limit`,
    { limit },
  )
  return due.map(({ id }) => id)
}

/** Writes the jobs that the state of things demands and that are not there, whatever lost them. */
export async function putMissingJobs(db: Db): Promise<void> {
  await rows(
    db,
    `insert into session_jobs (session_id, organization_id, kind, due_at)
     select s.id, s.organization_id, 'grant', greatest(s.start_at, s.state_since)
       from sessions s
       left join session_users u on u.session_id = s.id
      where (s.state = 'APPROVED' or (s.state = 'GRANTED' and u.login_at is null))
        and s.start_at is not null
      union all
     select s.id, s.organization_id, 'removal', s.ended_at
       from sessions s
       join session_users u on u.session_id = s.id
      where s.ended_at is not null
        and u.removed_at is null
         on conflict (session_id, kind) do nothing`,
  )
}

/** A session user as the store believes in it. */
export interface KnownUser {
  readonly sessionId: SessionId
  readonly sessionUuid: string
  readonly username: string
  readonly state: SessionState
  readonly upstreamVerifier: string
  /** True once the user may log in. */
  readonly mayLogIn: boolean
}

/** Users that should be on a data source, and those whose session UUIDs were found there. */
export function listKnownUsers(
  db: Db,
  dataSourceId: string,
  foundUuids: readonly string[],
): Promise<KnownUser[]> {
  return rows(
    db,
    `select s.id as "sessionId", s.uuid as "sessionUuid", u.username, s.state,
            u.upstream_verifier as "upstreamVerifier", u.login_at is not null as "mayLogIn"
       from session_users u
       join sessions s on s.id = u.session_id
      where u.data_source_id = :dataSourceId
        and s.id in (select id from sessions where state = 'GRANTED'
                      union
                     select id from sessions where uuid = any (cast(:foundUuids as uuid[])))`,
    { dataSourceId, foundUuids },
  )
}
