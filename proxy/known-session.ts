import { findRow, type Db } from '../db/store.ts'
import { parseSessionId, type SessionId } from '../lib/ids.ts'

/**
 * The session that a recording names, if the store knows it with its user. One that it doesn't must not
 * keep what is behind it waiting: the store may be another than the one the recording was made under.
 */
export async function knownSession(db: Db, session: string): Promise<SessionId | undefined> {
  const id = parseSessionId(session)
  if (id === undefined) return undefined
  const row = await findRow(db, `select 1 from session_users where session_id = :id`, { id })
  return row === undefined ? undefined : id
}
