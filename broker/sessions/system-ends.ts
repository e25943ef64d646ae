import type { DateTime } from 'luxon'
import { appendRecords, type RecordEntry } from '../../db/audit-log.ts'
import { listExtending } from '../../db/extension-changes.ts'
import { queueMails } from '../../db/mails.ts'
import { notifyAll } from '../../db/notices.ts'
import type { Origin } from '../../db/scope.ts'
import { endSessions } from '../../db/session-ends.ts'
import { putRemovals } from '../../db/session-jobs.ts'
import { listSessions } from '../../db/sessions.ts'
import type { Transaction } from '../../db/store.ts'
import { taskDraft } from '../../db/task-records.ts'
import type { SessionId } from '../../lib/ids.ts'
import { stateLetters } from '../letters/announce.ts'
import { expireExtension } from '../extension/records.ts'
import { BROKER, snapshotOf, stateChanged, stateDraft } from './moves.ts'
import { systemOriginsOf } from '../origins.ts'
import type { Session } from './session.ts'
import { stateAfter } from './transitions.ts'
import { workNotice } from '../scheduling/work-notices.ts'

/** How and why Daypass itself ends a session. */
export interface SystemEnd {
  readonly move: 'expire' | 'terminate'
  readonly at: DateTime<true>
  /** In a sentence. */
  readonly reason: string
}

/** The same, and of which session: one that is locked and under way. */
export interface EndOf extends SystemEnd {
  readonly session: Session
}

/** Ends a locked session in the name of the system, with the record of the task that did. */
export async function endBySystem(
  tx: Transaction,
  session: Session,
  end: SystemEnd,
): Promise<void> {
  await endTogether(tx, [{ ...end, session }])
}

/**
 * Ends several: each with its move, records, letters, job and notices, all of it in a few statements.
 * Errors: `state_changed`, where one is no longer what it was taken for.
 */
export async function endTogether(tx: Transaction, ends: readonly EndOf[]): Promise<void> {
  const ended = await moveAll(tx, ends)
  await writeLetters(tx, ended)
  await appendRecords(tx, ended.flatMap(recordsOf))
  await endExtensions(tx, ended)
  await followUp(tx, ended)
}

interface Ended extends EndOf {
  /** The session as it is now. */
  readonly after: Session
  readonly origin: Origin
}

async function moveAll(tx: Transaction, ends: readonly EndOf[]): Promise<Ended[]> {
  const facts = ends.map(({ session: { id, state: from }, move, at, reason }) => {
    const to = stateAfter(from, move)
    return to === undefined ? undefined : { id, from, to, at, reason }
  })
  const moved = await endSessions(
    tx,
    facts.filter((fact) => fact !== undefined),
  )
  const now = await listSessions(tx, BROKER, { ids: moved, showHidden: true, limit: moved.length })
  const byId = new Map(now.map((session) => [session.id, session]))
  const originOf = await systemOriginsOf(tx, now)
  const ended: Ended[] = []
  for (const end of ends) {
    const after = byId.get(end.session.id)
    if (after === undefined) throw await stateChanged(tx, end.session)
    ended.push({ ...end, after, origin: originOf(after) })
  }
  return ended
}

async function writeLetters(tx: Transaction, ended: readonly Ended[]): Promise<void> {
  for (const id of new Set(ended.map(({ after }) => after.organizationId))) {
    const ours = ended.filter(({ after }) => after.organizationId === id)
    await queueMails(
      tx,
      id,
      ours.flatMap(({ after, origin, at, reason }) => stateLetters(after, { origin, at, reason })),
    )
  }
}

function recordsOf({ after, origin, at, reason, move }: Ended): readonly RecordEntry[] {
  const task = taskDraft(at, {
    task: move === 'expire' ? 'expiry' : 'termination',
    outcome: 'ok',
    result: `Session ${after.id} is ${after.state}. ${reason}`,
    startedAt: at,
    session: snapshotOf(after),
    dataSource: after.dataSource,
  })
  return [stateDraft(after, reason), task].map((draft) => ({ origin, at, draft }))
}

async function endExtensions(tx: Transaction, ended: readonly Ended[]): Promise<void> {
  const extending = new Set(await listExtending(tx, ended.map(idOf)))
  for (const { after, origin, at } of ended.filter((each) => extending.has(idOf(each)))) {
    const { id, dataSource } = after
    await expireExtension(tx, { origin, at }, { id, dataSource, snapshot: snapshotOf(after) })
  }
}

/** As for one session; see moves.ts. */
async function followUp(tx: Transaction, ended: readonly Ended[]): Promise<void> {
  const places = await putRemovals(tx, ended.map(idOf))
  const work = places.map((place) => workNotice('removal', place))
  await notifyAll(tx, 'daypass_work', work)
  const granted = ended.filter(({ session }) => session.state === 'GRANTED')
  await notifyAll(tx, 'daypass_ends', granted.map(idOf))
}

function idOf({ session }: EndOf): SessionId {
  return session.id
}
