import { sentenceOf } from '../lib/errors.ts'
import type { SessionId } from '../lib/ids.ts'
import { listDataSources } from '../db/data-sources.ts'
import { listDataSourcesWithWork } from '../db/session-jobs.ts'
import { listExpiring, listOrphaned, putMissingJobs } from '../db/session-scans.ts'
import type { SessionState } from '../db/sessions.ts'
import type { BrokerDeps } from './data-source.ts'
import type { Lanes } from './lanes.ts'
import { BROKER, makeMove, takeSession } from './moves.ts'
import { systemOriginOf } from './origins.ts'
import { reconcileDataSource } from './reconcile.ts'
import { isOver } from './session.ts'
import { grantDue, removeDue } from './work.ts'

export interface SweepDeps extends BrokerDeps {
  readonly lanes: Lanes
}

/** One tick decides at most this many of a kind; the next goes on. */
const DECISIONS_AT_ONCE = 500
/** Transactions on the store at the same time. */
const HANDS = 4

const EXPIRED_BECAUSE: Partial<Record<SessionState, string>> = {
  CREATED: 'It was not approved in time.',
  APPROVED: 'It was not granted in time.',
  GRANTED: 'Its time ran out.',
}

/**
 * One tick: looks at what the store says is due and sets it going. Decides by state alone, so that
 * a lost notice or a crash costs a second at most. Removals are set going first.
 */
export async function sweep(deps: SweepDeps): Promise<void> {
  const { db } = deps.store
  await eachOf(deps, await listOrphaned(db, DECISIONS_AT_ONCE), (id) => endOrphaned(deps, id))
  await eachOf(deps, await listExpiring(db, DECISIONS_AT_ONCE), (id) => expire(deps, id))
  await putMissingJobs(db)
  for (const id of await listDataSourcesWithWork(db, 'removal')) {
    inLane(deps, { lane: `removal ${id}`, name: 'removal', work: () => removeDue(deps, id) })
  }
  for (const id of await listDataSourcesWithWork(db, 'grant')) {
    inLane(deps, { lane: `other ${id}`, name: 'grant', work: () => grantDue(deps, id) })
  }
}

/** Sets a comparison of every data source with the store going, behind the grants there. */
export async function reconcileAll(deps: SweepDeps): Promise<void> {
  for (const { id } of await listDataSources(deps.store.db, BROKER)) {
    inLane(deps, {
      lane: `other ${id}`,
      name: 'reconcile',
      work: () => reconcileDataSource(deps, id),
    })
  }
}

/** Ends a session whose time is over. */
async function expire({ store }: BrokerDeps, id: SessionId): Promise<void> {
  await store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, id)
    if (isOver(session.state) || at < (session.end ?? session.diesAt)) return
    const reason = EXPIRED_BECAUSE[session.state]
    const origin = await systemOriginOf(tx, session)
    await makeMove(tx, session, 'expire', { origin, at, reason })
  })
}

/** Ends a session whose requester may not act any more. */
async function endOrphaned({ store }: BrokerDeps, id: SessionId): Promise<void> {
  await store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, id)
    if (isOver(session.state) || !session.requester.disabled) return
    const reason = `${session.requester.username} was disabled.`
    const origin = await systemOriginOf(tx, session)
    await makeMove(tx, session, 'terminate', { origin, at, reason })
  })
}

interface Errand {
  readonly lane: string
  readonly name: string
  readonly work: () => Promise<void>
}

function inLane({ lanes, log }: SweepDeps, { lane, name, work }: Errand): void {
  lanes.start(lane, name, async () => {
    try {
      await work()
    } catch (error) {
      log.error({ lane, work: name, error: sentenceOf(error) }, 'work on a data source failed')
    }
  })
}

/** One session that can't be decided now must not hold up the others; it is found again. */
async function eachOf(
  { log }: SweepDeps,
  ids: readonly SessionId[],
  decide: (id: SessionId) => Promise<void>,
): Promise<void> {
  const queue = [...ids]
  const hand = async (): Promise<void> => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      try {
        await decide(id)
      } catch (error) {
        log.error({ session: id, error: sentenceOf(error) }, 'a session could not be ended')
      }
    }
  }
  await Promise.all(Array.from({ length: HANDS }, hand))
}
