import type { Session } from '../../db/sessions.ts'
import type { ExtendedSession } from './records.ts'
import { snapshotOf } from '../sessions/moves.ts'

/** A session as the records of its extensions show it now. */
export function extendedSession(session: Session): ExtendedSession {
  return { id: session.id, dataSource: session.dataSource, snapshot: snapshotOf(session) }
}
