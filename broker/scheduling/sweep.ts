import { sentenceOf } from '../../lib/errors.ts'
import { bindSnapshots, listDataSourcesToVisit } from '../../db/catalogs.ts'
import { listDataSourcesToCheck } from '../../db/data-source-checks.ts'
import { listDataSources } from '../../db/data-sources.ts'
import { listDataSourcesWithWork } from '../../db/session-jobs.ts'
import { listExpiring, listOrphaned, putMissingJobs } from '../../db/session-scans.ts'
import { visitCatalogs } from '../catalogs/visit.ts'
import { checkDue } from '../preflight/checks.ts'
import type { BrokerDeps } from '../sources/data-source.ts'
import { within } from '../sources/deadline.ts'
import { decide, expiredEnd, orphanedEnd } from '../sessions/due-ends.ts'
import { extendDue } from '../extension/work.ts'
import { grantDue } from '../session-users/grant.ts'
import { expireAccounts } from './accounts.ts'
import { laneOf, type Lanes } from './lanes.ts'
import { BROKER } from '../sessions/moves.ts'
import { reconcileDataSource } from '../session-users/reconcile.ts'
import { removeDue } from '../session-users/removal.ts'
import { heedFaults } from './watch.ts'
import type { NoticedWork } from './work-notices.ts'

export interface SweepDeps extends BrokerDeps {
  readonly lanes: Lanes
}

/** One tick decides at most this many of a kind; the next goes on. */
const DECISIONS_AT_ONCE = 500
const STEP_DEADLINE_MS = 20_000
/** A last resort: what runs in a lane ends by deadlines of its own. */
const LANE_DEADLINE_MS = 180_000

/**
 * One tick: looks at what the store says is due and sets it going. Decides by state alone, so that
 * a lost notice or a crash costs a second at most. What is decided already does not wait for what
 * has yet to be, and nothing waits for a step that hangs.
 */
export async function sweep(deps: SweepDeps): Promise<void> {
  await Promise.all([setDueGoing(deps), decideAll(deps)])
  await apart(deps, 'missing jobs', () => putMissingJobs(deps.store.db))
  await setDueGoing(deps)
  await apart(deps, 'further work', () => setRestGoing(deps))
}

async function decideAll(deps: SweepDeps): Promise<void> {
  const { db } = deps.store
  // first, as the sessions of those whose account ends now are orphaned
  await apart(deps, 'expired accounts', () => expireAccounts(deps))
  await apart(deps, 'orphaned sessions', async () => {
    await decide(deps, await listOrphaned(db, DECISIONS_AT_ONCE), orphanedEnd)
  })
  await apart(deps, 'expired sessions', async () => {
    await decide(deps, await listExpiring(db, DECISIONS_AT_ONCE), expiredEnd)
  })
}

/** Removals and grants, each data source in its own lanes. */
async function setDueGoing(deps: SweepDeps): Promise<void> {
  const { db } = deps.store
  await apart(deps, 'removals', async () => {
    const places = await listDataSourcesWithWork(db, 'removal')
    for (const dataSourceId of places) setGoing(deps, { kind: 'removal', dataSourceId })
  })
  await apart(deps, 'grants', async () => {
    const places = await listDataSourcesWithWork(db, 'grant')
    for (const dataSourceId of places) setGoing(deps, { kind: 'grant', dataSourceId })
  })
}

/** What the sweep does about one data source with such work, for those who know of it sooner. */
export function setGoing(deps: SweepDeps, { kind, dataSourceId: id }: NoticedWork): void {
  if (kind === 'removal') {
    inLane(deps, { lane: laneOf('removal', id), name: kind, work: () => removeDue(deps, id) })
  } else {
    inLane(deps, { lane: laneOf('other', id), name: kind, work: () => grantDue(deps, id) })
  }
}

async function setRestGoing(deps: SweepDeps): Promise<void> {
  const { db } = deps.store
  for (const id of await listDataSourcesWithWork(db, 'extension')) {
    inLane(deps, { lane: laneOf('other', id), name: 'extension', work: () => extendDue(deps, id) })
  }
  // what can wait goes on with the next sweep
  const isWanted = (lane: string) => (): boolean => deps.lanes.isWaiting(lane, 'grant')
  for (const id of await listDataSourcesToCheck(db)) {
    const lane = laneOf('other', id)
    dialling(deps, { lane, name: 'check', work: () => checkDue(deps, id, isWanted(lane)) })
  }
  await bindSnapshots(db)
  for (const id of await listDataSourcesToVisit(db)) {
    const lane = laneOf('other', id)
    dialling(deps, { lane, name: 'catalogs', work: () => visitCatalogs(deps, id, isWanted(lane)) })
  }
}

/** Sets a comparison of every data source with the store going, behind the grants there. */
export async function reconcileAll(deps: SweepDeps): Promise<void> {
  for (const { id } of await listDataSources(deps.store.db, BROKER)) {
    dialling(deps, {
      lane: laneOf('other', id),
      name: 'reconcile',
      work: () => heedFaults(deps, id, () => reconcileDataSource(deps, id)),
    })
  }
}

interface Errand {
  readonly lane: string
  readonly name: string
  readonly work: () => Promise<void>
}

function inLane({ lanes, log }: SweepDeps, { lane, name, work }: Errand): void {
  lanes.start(lane, name, async () => {
    try {
      await within(LANE_DEADLINE_MS, `Work named ${name}`, work)
    } catch (error) {
      log.error({ lane, work: name, error: sentenceOf(error) }, 'work on a data source failed')
    }
  })
}

/** What opens connections of its own, so that with the lane's there would be too many. */
function dialling(deps: SweepDeps, { lane, name, work }: Errand): void {
  const alone = async (): Promise<void> => {
    await deps.kept?.drop(lane)
    await work()
  }
  inLane(deps, { lane, name, work: alone })
}

/** The store may be slow, or away; the next tick tries again. */
async function apart({ log }: SweepDeps, step: string, work: () => Promise<void>): Promise<void> {
  try {
    await within(STEP_DEADLINE_MS, `A look at ${step}`, work)
  } catch (error) {
    log.error({ step, error: sentenceOf(error) }, 'a part of a tick failed')
  }
}
