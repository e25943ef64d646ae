import type { DateTime } from 'luxon'
import { findIntent } from '../../db/session-intents.ts'
import { finishJob, type ClaimedJob } from '../../db/session-jobs.ts'
import { iso, storeTime } from '../../db/store.ts'
import { recordTask } from '../../db/task-records.ts'
import type { BrokerDeps, Target } from '../sources/data-source.ts'
import { identifier, literal } from '../sources/identifiers.ts'
import { BROKER, getSession, snapshotOf, takeSession } from '../sessions/moves.ts'
import { systemOriginOf } from '../origins.ts'
import { exclusively, findRole, isOurs, run } from '../session-users/session-users.ts'
import { unhindered } from '../session-users/session-lock.ts'
import { isOver } from '../sessions/session.ts'
import { attempt, refuseLost, workOff } from '../scheduling/work.ts'

/** One statement each, so many fit under one claim. */
const EXTENSIONS_AT_ONCE = 100

/** Tells one data source the moved ends of the sessions there, until it knows them all. */
export function extendDue(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  return workOff(
    deps,
    { kind: 'extension', dataSourceId, limit: EXTENSIONS_AT_ONCE },
    async (target, jobs) => {
      for (const job of jobs) {
        await attempt({ deps, target, job }, () => extendSession(deps, target, job))
      }
    },
  )
}

/** Moves the VALID UNTIL of one session user to the end that the store has decided. */
async function extendSession(deps: BrokerDeps, target: Target, job: ClaimedJob): Promise<void> {
  const { db } = deps.store
  for (;;) {
    const startedAt = await storeTime(db)
    const { uuid, state, username, end } = await getSession(db, job.sessionId)
    const intent = await findIntent(db, job.sessionId)
    const isOpen = !isOver(state) && username !== null && end !== null && intent !== undefined
    if (!isOpen) {
      await finishJob(db, job)
      return
    }
    const moved = await unhindered({ deps, target }, intent, () =>
      moveValidity(target, { name: username, sessionUuid: uuid, end }, () => refuseLost(db, job)),
    )
    if (await recordExtended(deps, job, { end, moved, startedAt })) return
  }
}

/**
 * Sets until when a session user may log in, unless its removal has begun or it is not ours; tells
 * whether it was set. It never lets anybody in again: a user that was shut out stays so. `mayGoOn` is
 * asked once the session's lock is held, and throws where the change is not ours to make any more: an
 * end that moved once more must not be taken back by who was late.
 */
export function moveValidity(
  target: Target,
  user: { readonly name: string; readonly sessionUuid: string; readonly end: DateTime<true> },
  mayGoOn: () => Promise<void>,
): Promise<boolean> {
  return exclusively(target, user.sessionUuid, async () => {
    await mayGoOn()
    const found = await findRole(target, user.name)
    if (found === undefined || !isOurs(found, user.sessionUuid)) return false
    // the mark that removal leaves with its first step
    if (found.connectionLimit === 0) return false
    await run(target, `alter role ${identifier(user.name)} valid until ${literal(iso(user.end))}`)
    return true
  })
}

interface Outcome {
  readonly end: DateTime<true>
  readonly moved: boolean
  readonly startedAt: DateTime<true>
}

/** False where the end has moved again meanwhile: then there is more to do. */
function recordExtended(
  { store }: BrokerDeps,
  job: ClaimedJob,
  { end, moved, startedAt }: Outcome,
): Promise<boolean> {
  return store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, job.sessionId)
    if (!isOver(session.state) && session.end?.toMillis() !== end.toMillis()) return false
    if ((await finishJob(tx, job)) && moved) {
      await recordTask(tx, await systemOriginOf(tx, session), at, {
        task: 'extension',
        outcome: 'ok',
        result: `${session.username ?? '-'} may log in until the new end of session ${session.id}.`,
        startedAt,
        session: snapshotOf(session),
        dataSource: session.dataSource,
      })
    }
    return true
  })
}
