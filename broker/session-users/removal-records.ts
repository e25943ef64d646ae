import { DateTime } from 'luxon'
import { appendRecords, type RecordDraft, type RecordEntry } from '../../db/audit-log.ts'
import { lockSessions, setRemoved } from '../../db/session-ends.ts'
import { setIntentsRemoved, type SessionIntent } from '../../db/session-intents.ts'
import { finishJobs, type ClaimedJob } from '../../db/session-jobs.ts'
import { listSessions } from '../../db/sessions.ts'
import type { Origin } from '../../db/scope.ts'
import { storeTime, waitAtMost } from '../../db/store.ts'
import { taskDraft } from '../../db/task-records.ts'
import type { BrokerDeps } from '../sources/data-source.ts'
import { BROKER, LOCK_PATIENCE_MS, snapshotOf } from '../sessions/moves.ts'
import { systemOriginsOf } from '../origins.ts'
import type { Session } from '../sessions/session.ts'

/** A session user that is gone. */
export interface Gone {
  readonly job: ClaimedJob
  readonly intent: SessionIntent
  /** Undefined where the data source had no such user of ours. */
  readonly role: unknown
}

/**
 * The fact: `removed_at` and its record, once users are proven gone. Those whose claim was lost
 * stay as they are: whoever has taken them over says so.
 */
export async function recordRemoved(deps: BrokerDeps, gone: readonly Gone[]): Promise<void> {
  const ids = gone.map(({ job }) => job.sessionId)
  await deps.store.change(async (tx) => {
    await waitAtMost(tx, LOCK_PATIENCE_MS)
    await lockSessions(tx, ids)
    const jobs = gone.map(({ job }) => job)
    const ours = await finishJobs(tx, jobs)
    const sessions = await listSessions(tx, BROKER, {
      ids: ours,
      showHidden: true,
      limit: ours.length,
    })
    // a clock that was set back must not put this before the session's end
    const at = DateTime.max(await storeTime(tx), ...sessions.map(({ stateSince }) => stateSince))
    const news = new Set(await setRemoved(tx, ours, at))
    await setIntentsRemoved(tx, ours, at)
    const originOf = await systemOriginsOf(tx, sessions)
    const entries: RecordEntry[] = []
    for (const session of sessions) {
      const each = gone.find(({ job }) => job.sessionId === session.id)
      const again = !news.has(session.id)
      if (each === undefined || !hadUser(each, again)) continue
      entries.push(...entriesOf({ origin: originOf(session), at, session, gone: each, again }))
    }
    await appendRecords(tx, entries)
    for (const id of ours) await deps.reached('r8.inside', id)
  })
}

/** A user that was never made, or is gone already, can't be told of as removed. */
function hadUser({ intent, role }: Gone, again: boolean): boolean {
  return role !== undefined || (!again && intent.roleOid !== null)
}

interface Removed {
  readonly origin: Origin
  readonly at: DateTime<true>
  readonly session: Session
  readonly gone: Gone
  /** True where a restore had brought it back. */
  readonly again: boolean
}

function entriesOf({ origin, at, session, gone, again }: Removed): readonly RecordEntry[] {
  const { username } = gone.intent
  const { dataSource } = session
  const removed: RecordDraft = {
    action: 'session.removed',
    area: 'sessions',
    outcome: 'ok',
    dataSource,
    session: snapshotOf(session),
    details: {
      username,
      ...(again ? { again: 'true' } : {}),
      ...(gone.intent.loginAt === null ? { login: 'never' } : {}),
    },
  }
  const task = taskDraft(at, {
    task: 'removal',
    outcome: 'ok',
    result: `${username} is ${again ? 'gone again from' : 'gone from'} ${dataSource.name}.`,
    startedAt: gone.job.claimedAt,
    session: snapshotOf(session),
    dataSource,
  })
  return [removed, task].map((draft) => ({ origin, at, draft }))
}
