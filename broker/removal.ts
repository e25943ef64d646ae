import { appendRecord, type RecordDraft } from '../db/audit-log.ts'
import { setRemoved } from '../db/session-changes.ts'
import { findIntent, setIntentRemoved, type SessionIntent } from '../db/session-intents.ts'
import { deferJob, finishJob, raiseBlocked, type ClaimedJob } from '../db/session-jobs.ts'
import { onDataSource, type BrokerDeps, type Target } from './data-source.ts'
import { BROKER, getSession, snapshotOf, takeSession } from './moves.ts'
import { systemOriginOf } from './origins.ts'
import { isOver, type Session } from './session.ts'
import {
  clearDatabase,
  dropSessionUser,
  joinSessionUser,
  listDatabasesWithLeftovers,
  rollbackPrepared,
} from './session-leftovers.ts'
import { endBackendsOf, ensureSharedRoles, shutOutUser, type FoundRole } from './session-users.ts'

/** What is left to do once nobody can use a session user any more. */
export interface CutOff {
  readonly job: ClaimedJob
  readonly intent: SessionIntent
  /** Undefined where the data source has no such user of ours. */
  readonly role: FoundRole | undefined
  /** Whose backends must end: connections outlive the role they came in with. */
  readonly oids: readonly number[]
}

/** A removal that has failed for this long is told to people. */
const BLOCKED_AFTER_SECONDS = 10

/**
 * Takes a session user's login away: the part that must be quick, so it is done for all sessions
 * that ended before anything is waited for. Undefined where there is nothing to remove.
 */
export async function shutOut(
  { store }: BrokerDeps,
  target: Target,
  job: ClaimedJob,
): Promise<CutOff | undefined> {
  const session = await getSession(store.db, job.sessionId)
  const intent = await findIntent(store.db, job.sessionId)
  if (intent === undefined || !isOver(session.state)) {
    await finishJob(store.db, job)
    return undefined
  }
  const role = await shutOutUser(target, intent)
  const oids = [role?.oid, intent.roleOid].filter((oid) => typeof oid === 'number')
  return { job, intent, role, oids: [...new Set(oids)] }
}

/**
 * Makes one session user vanish with all it has in this database. Returns the other databases that
 * hold something of it; while there are any it stays, for removeElsewhere.
 */
export async function removeRole(target: Target, role: FoundRole): Promise<readonly string[]> {
  await joinSessionUser(target, role)
  const databases = await listDatabasesWithLeftovers(target, role)
  if (databases.includes(target.database)) await emptyDatabase(target, role)
  const elsewhere = databases.filter((name) => name !== target.database)
  if (elsewhere.length === 0) await dropRole(target, role)
  return elsewhere
}

/**
 * The rest of removeRole. Called once the caller's own connection is closed: with one for removals
 * and one for the rest, a data source has two of ours at most.
 */
export async function removeElsewhere(
  deps: BrokerDeps,
  dataSourceId: string,
  { role, databases }: { readonly role: FoundRole; readonly databases: readonly string[] },
): Promise<void> {
  for (const database of databases) {
    const visit = async (there: Target): Promise<void> => {
      await emptyDatabase(there, role)
      if (database === databases.at(-1)) await dropRole(there, role)
    }
    await onDataSource(deps, dataSourceId, visit, { database })
  }
}

/** The fact: `removed_at` and its record, once the user is proven gone. */
export async function recordRemoved(
  deps: BrokerDeps,
  { job, intent, role }: CutOff,
): Promise<void> {
  await deps.store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, job.sessionId)
    const first = await setRemoved(tx, session.id, at)
    await setIntentRemoved(tx, session.id, at)
    await finishJob(tx, job)
    if (!first && role === undefined) return
    const details = { username: intent.username, ...(first ? {} : { again: 'true' }) }
    const origin = await systemOriginOf(tx, session)
    await appendRecord(tx, origin, at, { ...draftOf(session, 'session.removed'), details })
  })
}

/** Puts a failed removal off; the first time that it takes too long becomes a record. */
export async function deferRemoval(
  deps: BrokerDeps,
  job: ClaimedJob,
  { seconds, detail }: { readonly seconds: number; readonly detail: string },
): Promise<void> {
  await deps.store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, job.sessionId)
    await deferJob(tx, job, { seconds, detail })
    if (!(await raiseBlocked(tx, job, BLOCKED_AFTER_SECONDS))) return
    deps.log.error({ session: job.sessionId, detail }, 'a session user can not be removed yet')
    const origin = await systemOriginOf(tx, session)
    await appendRecord(tx, origin, at, {
      ...draftOf(session, 'session.removal_blocked'),
      outcome: 'failed',
      reason: detail,
    })
  })
}

async function dropRole(target: Target, role: FoundRole): Promise<void> {
  await dropSessionUser(target, role)
  await endBackendsOf(target, role.oid)
}

async function emptyDatabase(there: Target, role: FoundRole): Promise<void> {
  await ensureSharedRoles(there)
  await rollbackPrepared(there, role)
  await clearDatabase(there, role)
}

function draftOf(
  session: Session,
  action: 'session.removed' | 'session.removal_blocked',
): RecordDraft {
  return {
    action,
    area: 'sessions',
    outcome: 'ok',
    dataSource: session.dataSource,
    session: snapshotOf(session),
  }
}
