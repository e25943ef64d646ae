import { snapshotOf } from '../broker/sessions/moves.ts'
import type { PersonScope } from '../db/scope.ts'
import { recordView } from '../db/recording-views.ts'
import type { Session } from '../db/sessions.ts'
import { findDroppedRecording, type DroppedRecording } from '../db/retention.ts'
import { listRunningStatements, type RunningStatement } from '../db/running-statements.ts'
import {
  listAround,
  listStatements,
  type Statement,
  type StatementAddress,
  type StatementPage,
  type StatementPlace,
} from '../db/statements.ts'
import type { PortalDeps } from './deps.ts'
import type { Visit } from './visit.ts'

/** May read the statements of a session: its requester, auditors and those who administer. */
export function mayReadRecording({ person }: PersonScope, session: Session): boolean {
  return (
    session.requester.id === person.id || person.auditUser || person.managementPrivilege !== 'none'
  )
}

/** A page of a session's statements, and what of them the policy no longer kept. */
export interface Recording extends StatementPage {
  readonly dropped?: DroppedRecording | undefined
}

/** A page of a session's statements; another's reading is itself a record. */
export async function readRecording(
  deps: PortalDeps,
  visit: Visit,
  session: Session,
  place: StatementPlace,
): Promise<Recording> {
  if (!(await beginReading(deps, visit, session))) return { statements: [] }
  const { db } = deps.store
  const page = await listStatements(db, visit.scope, session.id, place)
  return { ...page, dropped: await findDroppedRecording(db, visit.scope, session.id) }
}

/** How many statements are shown before and behind one. */
const NEIGHBOURS = 3

/** One statement and those around it on its connection. */
export interface StatementRead {
  readonly statement: Statement
  readonly around: readonly Statement[]
}

/** A statement with its neighbours; undefined where it is not there, or not for this person to read. */
export async function readStatement(
  deps: PortalDeps,
  visit: Visit,
  session: Session,
  address: StatementAddress,
): Promise<StatementRead | undefined> {
  if (!(await beginReading(deps, visit, session))) return undefined
  const around = await listAround(deps.store.db, visit.scope, session.id, {
    ...address,
    each: NEIGHBOURS,
  })
  const statement = around.find(({ number }) => number === address.number)
  return statement && { statement, around }
}

/** What the connections of a session run right now; it is a part of the recording. */
export async function readRunning(
  deps: PortalDeps,
  visit: Visit,
  session: Session,
): Promise<readonly RunningStatement[]> {
  if (session.state !== 'GRANTED' || !(await beginReading(deps, visit, session))) return []
  return listRunningStatements(deps.store.db, visit.scope, session.id)
}

/** False where there is nothing to read for this person; true once their look is on record. */
async function beginReading(
  { store }: PortalDeps,
  { scope, origin }: Visit,
  session: Session,
): Promise<boolean> {
  // nothing runs before there is a session user: an approver's look at a request reads no recording
  if (!mayReadRecording(scope, session) || session.grantedAt === null) return false
  if (session.requester.id !== scope.person.id) await recordView(store, origin, snapshotOf(session))
  return true
}
