import { listIntents } from '../../db/session-intents.ts'
import { finishJobs, type ClaimedJob } from '../../db/session-jobs.ts'
import { endBackendsOf } from './backends.ts'
import { inBatches, type Crew } from './batches.ts'
import { keepOwned } from '../catalogs/owned.ts'
import {
  onDataSource,
  serverErrorIn,
  type BrokerDeps,
  type Target,
} from '../sources/data-source.ts'
import { putOff } from '../scheduling/deferral.ts'
import { DataSourceError } from '../errors.ts'
import type { FoundRole } from './found-roles.ts'
import { laneOf } from '../scheduling/lanes.ts'
import { recordRemoved } from './removal-records.ts'
import {
  clearDatabase,
  dropSessionUsers,
  joinSessionUser,
  listPlaces,
  refuseClosed,
  rollbackPrepared,
} from './session-leftovers.ts'
import { readySharedRoles } from './shared-roles.ts'
import { each, endAll, shutOutAll, type Cut, type Due } from './shut-out.ts'
import type { Reached, Step } from '../scheduling/steps.ts'
import { attempt, workOff } from '../scheduling/work.ts'

/** Many, so that all who are due are shut out before anybody's objects are looked at. */
const REMOVALS_AT_ONCE = 500
/** Users with leftovers take their time; after this much of it, who ended meanwhile is shut out first. */
const SLOW_BUDGET_MS = 3_000
const LADEN_DEADLINE_MS = 20_000

/** One whose user has left something in databases that our connection does not reach. */
interface Further extends Cut {
  readonly role: FoundRole
  readonly databases: readonly string[]
}

/** Removes what has ended on one data source: first everybody's access, then everybody's traces. */
export function removeDue(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  return workOff(
    deps,
    { kind: 'removal', dataSourceId, limit: REMOVALS_AT_ONCE },
    (target, jobs) => removeHere({ deps, target }, jobs),
    (further) => finishElsewhere(deps, dataSourceId, further),
  )
}

async function removeHere(crew: Crew, jobs: readonly ClaimedJob[]): Promise<readonly Further[]> {
  const due = await listDue(crew, jobs)
  const alone = await shutOutAll(crew, due)
  const bare: Cut[] = []
  const laden: (Cut & { readonly role: FoundRole })[] = []
  const holds = await inBatches(crew, alone, (items) => seeLeftovers(crew, items))
  for (const { cut, holdsSomething } of holds) {
    const { role } = cut
    if (role !== undefined && holdsSomething) laden.push({ ...cut, role })
    else bare.push(cut)
  }
  const dropped = await inBatches(crew, bare, (items) => drop(crew, items))
  await finish(crew, dropped)
  return emptyAll(crew, laden)
}

/** Strikes off what has no user to remove. */
async function listDue({ deps }: Crew, jobs: readonly ClaimedJob[]): Promise<Due[]> {
  const intents = await listIntents(
    deps.store.db,
    jobs.map(({ sessionId }) => sessionId),
  )
  const byId = new Map(intents.map((intent) => [intent.sessionId, intent]))
  const isDue = ({ sessionId }: ClaimedJob): boolean => byId.get(sessionId)?.isOver === true
  const idle = jobs.filter((job) => !isDue(job))
  if (idle.length > 0) await finishJobs(deps.store.db, idle)
  return jobs.flatMap((job) => {
    const intent = byId.get(job.sessionId)
    return intent?.isOver === true ? [{ job, intent }] : []
  })
}

async function seeLeftovers(
  { deps, target }: Crew,
  cuts: readonly Cut[],
): Promise<readonly { readonly cut: Cut; readonly holdsSomething: boolean }[]> {
  await each(deps, 'r3.after', cuts)
  const roles = cuts.flatMap(({ role }) => role ?? [])
  const places = roles.length === 0 ? new Map() : await listPlaces(target, roles)
  return cuts.map((cut) => ({
    cut,
    holdsSomething: cut.role !== undefined && places.has(cut.role.oid),
  }))
}

/** r6 for those who have nothing: r4 and r5 are done by there being nothing to do. */
async function drop({ deps, target }: Crew, cuts: readonly Cut[]): Promise<readonly Cut[]> {
  await each(deps, 'r4.after', cuts)
  await each(deps, 'r5.after', cuts)
  const roles = cuts.flatMap(({ role }) => role ?? [])
  if (roles.length > 0) await dropSessionUsers(target, roles)
  await each(deps, 'r6.after', cuts)
  return cuts
}

/** r7: who slipped in before the role was gone is found by OID. r8: the fact. */
async function finish(crew: Crew, dropped: readonly Cut[]): Promise<void> {
  const alone = await endAll(crew, dropped)
  await inBatches(crew, alone, async (cuts) => {
    await each(crew.deps, 'r7.after', cuts)
    await record(crew.deps, cuts)
    return []
  })
}

async function record(deps: BrokerDeps, cuts: readonly Cut[]): Promise<void> {
  await recordRemoved(deps, cuts)
  await each(deps, 'r8.after', cuts)
}

/** r4 to r8 of those who have left something, those that failed least before the others. */
async function emptyAll(
  crew: Crew,
  laden: readonly (Cut & { readonly role: FoundRole })[],
): Promise<readonly Further[]> {
  const further: Further[] = []
  const stop = performance.now() + SLOW_BUDGET_MS
  for (const cut of laden.toSorted((one, other) => one.job.tries - other.job.tries)) {
    if (performance.now() > stop) break
    const step = stepOf(crew.deps, cut)
    const empty = async (): Promise<void> => {
      const databases = await removeRole(crew, cut.role, step)
      if (databases.length > 0) further.push({ ...cut, databases })
      else await record(crew.deps, [cut])
    }
    await attempt({ ...crew, job: cut.job }, empty, LADEN_DEADLINE_MS)
  }
  return further
}

/** The lane's own connection is closed before: with one for removals and one for the rest, there are two at most. */
async function finishElsewhere(
  deps: BrokerDeps,
  dataSourceId: string,
  further: readonly Further[],
): Promise<void> {
  if (further.length > 0) await deps.kept?.drop(laneOf('removal', dataSourceId))
  const stop = performance.now() + SLOW_BUDGET_MS
  for (const cut of further) {
    if (performance.now() > stop) return
    try {
      const isDone = await removeElsewhere(deps, dataSourceId, {
        ...cut,
        step: stepOf(deps, cut),
        stop,
      })
      if (isDone) await record(deps, [cut])
    } catch (error) {
      if (isAway(error)) throw error
      await putOff(deps, { jobs: [cut.job], error, target: undefined })
    }
  }
}

type StepTold = (step: Step) => Promise<void>

const noStep: StepTold = () => Promise.resolve()

/**
 * Makes one session user that nobody can use any more vanish, with all it has in this database.
 * Returns the other databases that hold something of it; while there are any it stays, for
 * removeElsewhere.
 */
export async function removeRole(
  { deps, target }: Crew,
  role: FoundRole,
  step: StepTold = noStep,
): Promise<readonly string[]> {
  await joinSessionUser(target, role)
  const places = (await listPlaces(target, [role])).get(role.oid) ?? []
  refuseClosed(target, places)
  const databases = places.map(({ database }) => database)
  if (databases.includes(target.database)) await emptyDatabase({ deps, target }, role, step)
  const elsewhere = databases.filter((name) => name !== target.database)
  if (elsewhere.length === 0) await dropRole(target, role, step)
  return elsewhere
}

/**
 * The rest of removeRole. False where databases are left when it is time to stop, by performance.now():
 * the next round goes on with them, after those who ended meanwhile.
 */
export async function removeElsewhere(
  deps: BrokerDeps,
  dataSourceId: string,
  {
    role,
    databases,
    step = noStep,
    stop = Infinity,
  }: {
    readonly role: FoundRole
    readonly databases: readonly string[]
    readonly step?: StepTold
    readonly stop?: number
  },
): Promise<boolean> {
  for (const database of databases) {
    if (performance.now() > stop) return false
    const visit = async (target: Target): Promise<void> => {
      await emptyDatabase({ deps, target }, role, step)
      if (database === databases.at(-1)) await dropRole(target, role, step)
    }
    await onDataSource(deps, dataSourceId, visit, { database, deadlineMs: LADEN_DEADLINE_MS })
  }
  return true
}

async function emptyDatabase(
  { deps, target }: Crew,
  role: FoundRole,
  step: StepTold,
): Promise<void> {
  await keepOwned(deps, target, role)
  await readySharedRoles({ deps, target })
  await rollbackPrepared(target, role)
  await step('r4.after')
  await clearDatabase(target, role, () => step('r5.inside'))
  await step('r5.after')
}

async function dropRole(target: Target, role: FoundRole, step: StepTold): Promise<void> {
  await dropSessionUsers(target, [role])
  await step('r6.after')
  await endBackendsOf(target, role.oid)
  await step('r7.after')
}

function stepOf({ reached }: { readonly reached: Reached }, { job }: Due): StepTold {
  return (step) => reached(step, job.sessionId)
}

/** A server that answers with a refusal is there: the fault is the one database's, or ours. */
function isAway(error: unknown): boolean {
  if (!(error instanceof DataSourceError && error.code === 'data_source_unreachable')) return false
  return serverErrorIn(error.cause) === undefined
}
