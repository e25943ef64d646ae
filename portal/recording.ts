import { snapshotOf } from '../broker/sessions/moves.ts'
import type { PersonScope } from '../db/scope.ts'
import { recordView } from '../db/recording-views.ts'
import type { Session } from '../db/sessions.ts'
import { listStatements, type StatementPage } from '../db/statements.ts'
import type { PortalDeps } from './deps.ts'
import type { Visit } from './visit.ts'

/** May read the statements of a session: its requester, auditors and those who administer. */
export function mayReadRecording({ person }: PersonScope, session: Session): boolean {
  return (
    session.requester.id === person.id || person.auditUser || person.managementPrivilege !== 'none'
  )
}

/** A page of a session's statements; another's reading is itself a record. */
export async function readRecording(
  { store }: PortalDeps,
  { scope, origin }: Visit,
  session: Session,
  place: { readonly after?: string; readonly limit: number },
): Promise<StatementPage> {
  // nothing runs before there is a session user: an approver's look at a request reads no recording
  if (!mayReadRecording(scope, session) || session.grantedAt === null) return { statements: [] }
  if (session.requester.id !== scope.person.id) await recordView(store, origin, snapshotOf(session))
  return listStatements(store.db, scope, session.id, place)
}
