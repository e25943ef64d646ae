import type { DateTime } from 'luxon'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import {
  claimVisit,
  deferVisit,
  finishVisit,
  listWaiting,
  pruneSnapshots,
  putSnapshot,
} from '../../db/catalogs.ts'
import { storeTime } from '../../db/store.ts'
import { Clearing } from './cleared.ts'
import { Comparison } from './comparison.ts'
import { conclude } from './verdict.ts'
import {
  packCatalog,
  readDatabase,
  readServer,
  SERVER,
  type Catalog,
  type Yielding,
} from './catalog.ts'
import { onDataSource, type BrokerDeps, type Target } from '../sources/data-source.ts'

/** A broker that died has its visit taken over after this long. */
const HELD_SECONDS = 60
/** So many sessions are compared with one snapshot; the next visit goes on. */
const SESSIONS_AT_ONCE = 200
/** Sessions that waited this long are compared although a grant waits behind them. */
const PATIENCE_MS = 60_000
/** From then on a database that can't be compared is told of instead of tried again. */
const GIVE_UP_MS = 30_000
const FIRST_PAUSE_SECONDS = 5
const LONGEST_PAUSE_SECONDS = 300

/** Thrown to give the connection up to a grant that waits for it. */
class GivenWay extends AppError {
  constructor() {
    super('catalogs_given_way', 'A grant came first; the catalogs are read later.')
  }
}

/**
 * Reads the catalogs of one data source, keeps them for sessions to come, and holds the sessions
 * that wait against them. Never what a grant waits for: `isWanted` tells whether one does.
 */
export async function visitCatalogs(
  deps: BrokerDeps,
  dataSourceId: string,
  isWanted: () => boolean,
): Promise<void> {
  const { db } = deps.store
  const claimed = await claimVisit(db, dataSourceId, HELD_SECONDS)
  if (claimed === undefined) return
  const visit = await openVisit(deps, dataSourceId, isWanted)
  try {
    await readDataSource(visit)
  } catch (error) {
    if (error instanceof GivenWay) {
      await pruneSnapshots(db, dataSourceId)
      return deferVisit(db, dataSourceId, { seconds: 0, detail: null })
    }
    visit.faults.set(SERVER, sentenceOf(error))
  }
  const left = await concludeAll(visit)
  await pruneSnapshots(db, dataSourceId)
  if (!left && !visit.faults.has(SERVER)) return finishVisit(db, dataSourceId)
  const detail = [...visit.faults.values()].join(' ')
  deps.log.warn({ dataSource: dataSourceId, detail }, 'catalogs could not be compared')
  await deferVisit(db, dataSourceId, { seconds: pauseAfter(claimed.tries), detail })
}

/** One reading of a data source. */
interface Visit {
  readonly deps: BrokerDeps
  readonly dataSourceId: string
  readonly startedAt: DateTime<true>
  readonly comparison: Comparison
  readonly clearing: Clearing
  readonly giveWay: Yielding
  /** Why a database could not be compared, by its name. */
  readonly faults: Map<string, string>
}

async function openVisit(
  deps: BrokerDeps,
  dataSourceId: string,
  isWanted: () => boolean,
): Promise<Visit> {
  const { db } = deps.store
  const startedAt = await storeTime(db)
  // before anything is read: what is read later can't miss what these left
  const waiting = await listWaiting(db, dataSourceId, SESSIONS_AT_ONCE)
  const longest = Math.max(
    0,
    ...waiting.map(({ removedAt }) => startedAt.diff(removedAt).toMillis()),
  )
  return {
    deps,
    dataSourceId,
    startedAt,
    comparison: await Comparison.open(db, dataSourceId, waiting),
    clearing: await Clearing.open(db, dataSourceId),
    giveWay: () => {
      if (longest < PATIENCE_MS && isWanted()) throw new GivenWay()
    },
    faults: new Map(),
  }
}

/** What belongs to the server first, then each database that sessions may open, one connection at a time. */
async function readDataSource(visit: Visit): Promise<void> {
  const { deps, dataSourceId, giveWay } = visit
  const others = await onDataSource(deps, dataSourceId, async (target) => {
    await take(visit, SERVER, target, await readServer(target, giveWay))
    const opened = await listOpened(target)
    if (opened.includes(target.database)) await takeDatabase(visit, target)
    const { organizationId } = target.dataSource
    return { organizationId, names: opened.filter((name) => name !== target.database) }
  })
  for (const database of others.names) {
    try {
      await onDataSource(deps, dataSourceId, (target) => takeDatabase(visit, target), { database })
    } catch (error) {
      if (error instanceof GivenWay) throw error
      visit.faults.set(database, sentenceOf(error))
    }
  }
  await visit.clearing.resolve(deps, others.organizationId)
}

async function takeDatabase(visit: Visit, target: Target): Promise<void> {
  await take(visit, target.database, target, await readDatabase(target, visit.giveWay))
}

async function take(
  { deps, dataSourceId, comparison, clearing }: Visit,
  database: string,
  target: Target,
  catalog: Catalog,
): Promise<void> {
  const { db } = deps.store
  // asked after reading: whoever could log in by then is not compared with it
  const at = await storeTime(db)
  await putSnapshot(db, { dataSourceId, database, at, objects: await packCatalog(catalog) })
  await comparison.hold(database, catalog, target)
  clearing.look(database, catalog, target)
}

async function listOpened({ client, dataSource }: Target): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select datname as name
       from pg_database
      where datallowconn
        and not datistemplate
        and ($1 or datname = any ($2))
      order by datname`,
    [dataSource.databases.includes('*'), dataSource.databases],
  )
  return rows.map(({ name }) => name)
}

/** Tells what was found of each session; true where some must wait because a database was not to be read. */
async function concludeAll({ deps, comparison, faults, startedAt }: Visit): Promise<boolean> {
  let left = false
  for (const session of comparison.sessions) {
    const complete = faults.size === 0
    if (!complete && startedAt.diff(session.removedAt).toMillis() < GIVE_UP_MS) {
      left = true
      continue
    }
    const residue = comparison.residueOf(session, faults)
    await conclude(deps, session, { residue, complete, startedAt })
  }
  return left
}

function pauseAfter(tries: number): number {
  return Math.min(FIRST_PAUSE_SECONDS * 2 ** Math.min(tries, 10), LONGEST_PAUSE_SECONDS)
}
