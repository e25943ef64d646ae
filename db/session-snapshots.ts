import type { SessionSnapshot } from './audit-log.ts'
import type { SessionId } from '../lib/ids.ts'
import { getRow, type Db } from './store.ts'

/** A session and its data source as a record beside it names them, for whoever knows only the id. */
export interface SessionNames {
  readonly session: SessionSnapshot
  readonly dataSource: { readonly id: string; readonly name: string }
}

/** A session as the trail shows it now; broker/sessions/moves.ts says the same of a session it holds. */
export async function getSessionNames(db: Db, id: SessionId): Promise<SessionNames> {
  const { dataSourceId, dataSourceName, ...session } = await getRow<
    SessionSnapshot & { readonly dataSourceId: string; readonly dataSourceName: string }
  >(
    db,
    `select s.id, s.uuid, s.move_count as ordinal, p.username as requester,
            array(select r.name from session_roles r where r.session_id = s.id order by r.place) as roles,
            coalesce(s.username, case when s.ended_at is null then 'TBD' else '-' end) as username,
            s.start_at as start, s.end_at as end, d.id as "dataSourceId", d.name as "dataSourceName"
       from sessions s
       join people p on p.id = s.requester_id
       join data_sources d on d.id = s.data_source_id
      where s.id = :id`,
    { id },
  )
  return { session, dataSource: { id: dataSourceId, name: dataSourceName } }
}
