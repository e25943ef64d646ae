import type { SessionIntent } from '../../db/session-intents.ts'
import { LOGIN_REMAINS, LOGIN_UNPROVEN } from '../../db/removals.ts'
import type { ClaimedJob } from '../../db/session-jobs.ts'
import { endBackends, hurryBackends } from './backends.ts'
import { inBatches, type Crew } from './batches.ts'
import { handsOff } from './drift.ts'
import { serverErrorIn, VERSION_16, type BrokerDeps, type Target } from '../sources/data-source.ts'
import { identifier } from '../sources/identifiers.ts'
import { putOff, reasonOf } from '../scheduling/deferral.ts'
import { DataSourceError } from '../errors.ts'
import { findUsers, type FoundRole } from './found-roles.ts'
import { freeLocks, isLockTimeout } from './session-lock.ts'
import { shutOutUsers, type ShutOut } from './session-users.ts'
import { goOn, type Step } from '../scheduling/steps.ts'

/** A removal that is due. */
export interface Due {
  readonly job: ClaimedJob
  readonly intent: SessionIntent
}

/** One whose user can't log in any more. */
export interface Cut extends Due {
  /** Undefined where the data source has no such user of ours. */
  readonly role: FoundRole | undefined
  /** Known from the making, and found: connections outlive the role. */
  readonly oids: readonly number[]
}

/** Who lost the login must not stay inside because taking the others' takes its time. */
const INSIDE_AT_MOST_MS = 300

/**
 * r2 and r3: takes everybody's login, then ends everybody's connections. Returns those that nobody
 * uses any more. Where a login could not be taken the connections are ended all the same, at each try.
 */
export async function shutOutAll(crew: Crew, due: readonly Due[]): Promise<Cut[]> {
  const inside = new Set<number>()
  let since = performance.now()
  const cuts = await inBatches(crew, due, async (items) => {
    if (performance.now() - since > INSIDE_AT_MOST_MS) {
      await hurryBackends(crew.target, [...inside])
      inside.clear()
      since = performance.now()
    }
    const shut = await shutOut(crew, items)
    for (const oid of shut.flatMap(({ oids }) => oids)) inside.add(oid)
    return shut
  })
  const alone = await endAll(crew, cuts)
  const shut = new Set(cuts.map(({ job }) => job.sessionId))
  const open = due.filter(({ job }) => !shut.has(job.sessionId))
  if (open.length > 0) await endOpen(crew, open)
  return alone
}

/** Ends the connections of users that nobody could log in as; the others are put off. */
export async function endAll({ deps, target }: Crew, cuts: readonly Cut[]): Promise<Cut[]> {
  const connected = await endBackends(target, [...new Set(cuts.flatMap(({ oids }) => oids))])
  const alone: Cut[] = []
  for (const cut of cuts) {
    const oid = cut.oids.find((each) => connected.has(each))
    if (oid === undefined) alone.push(cut)
    else await putOff(deps, { jobs: [cut.job], error: connected.get(oid), target })
  }
  return alone
}

/** Tells of a step of each. */
export async function each(deps: BrokerDeps, step: Step, items: readonly Due[]): Promise<void> {
  if (deps.reached === goOn) return
  for (const { job } of items) await deps.reached(step, job.sessionId)
}

async function shutOut(crew: Crew, due: readonly Due[]): Promise<readonly Cut[]> {
  const { users, disclaimed, locked } = await takeLogins(crew, due)
  await each(crew.deps, 'r2.after', due)
  const lockedOut = due.filter(({ intent }) => locked.has(intent.sessionUuid))
  const intents = lockedOut.map(({ intent }) => intent)
  if (intents.length > 0) await freeLocks(crew, intents)
  const hidden = lockedOut.filter(
    ({ intent }) => intent.roleOid === null && !users.has(intent.sessionUuid),
  )
  await waitForMaking(crew, hidden)
  return due
    .filter((item) => !hidden.includes(item))
    .map((item) => {
      const { roleOid, sessionUuid } = item.intent
      const role = users.get(sessionUuid)
      const known = disclaimed.has(sessionUuid) ? [] : [roleOid]
      return { ...item, role, oids: [role?.oid, ...known].filter((oid) => typeof oid === 'number') }
    })
}

/** Not to be called gone: nobody knows what is being made behind a lock that somebody holds. */
async function waitForMaking({ deps, target }: Crew, hidden: readonly Due[]): Promise<void> {
  const sentence = `${LOGIN_UNPROVEN}: somebody is at work on its user.`
  const error = new DataSourceError('login_remains', sentence)
  await putOff(deps, { jobs: hidden.map(({ job }) => job), error, target })
}

async function takeLogins(crew: Crew, due: readonly Due[]): Promise<ShutOut> {
  const { deps, target } = crew
  const [first, ...others] = due.map(({ intent }) => intent)
  if (first === undefined) throw new Error('nobody to shut out')
  const take = (): Promise<ShutOut> =>
    shutOutUsers(target, [first, ...others], () => each(deps, 'r2.inside', due))
  try {
    return await withoutThem(crew, due, take)
  } catch (error) {
    // of several, each is tried by itself
    if (others.length > 0 || serverErrorIn(error) === undefined) throw error
    throw await loginRemains(target, first, error)
  }
}

/** A user keeps its role to itself for as long as it is inside, by a change that it does not commit. */
async function withoutThem<T>(
  { target }: Crew,
  due: readonly Due[],
  take: () => Promise<T>,
): Promise<T> {
  try {
    return await take()
  } catch (error) {
    if (!isLockTimeout(error)) throw error
    await hurryBackends(target, await findOpen(target, due))
    return take()
  }
}

async function endOpen({ target }: Crew, open: readonly Due[]): Promise<void> {
  await endBackends(target, await findOpen(target, open))
}

/** Doubtful ones are left alone: nobody knows whose they are. */
async function findOpen(target: Target, open: readonly Due[]): Promise<readonly number[]> {
  const { users } = await findUsers(
    target,
    open.map(({ intent }) => intent),
  )
  return [...users.values()].map(({ oid }) => oid)
}

async function loginRemains(
  target: Target,
  intent: SessionIntent,
  error: unknown,
): Promise<DataSourceError> {
  const role = (await findUsers(target, [intent])).users.get(intent.sessionUuid)
  const sql = role === undefined ? [] : await remediesFor(target, role)
  const remedy = sql.length === 0 ? '' : ` An administrator runs: ${sql.join(' ')}`
  const why = await reasonOf(target, error)
  return new DataSourceError('login_remains', `${LOGIN_REMAINS}: ${why}${remedy}`, error)
}

/** What somebody did to a user that puts it out of our reach, undone. */
async function remediesFor(target: Target, role: FoundRole): Promise<readonly string[]> {
  const { rows } = await target.client.query<{ mighty: boolean; copies: boolean; ours: boolean }>(
    `select rolsuper as mighty, rolreplication as copies,
            pg_has_role(oid, 'member with admin option') as ours
       from pg_roles
      where oid = $1`,
    [role.oid],
  )
  const isNew = target.version >= VERSION_16
  return rows.flatMap(({ mighty, copies, ours }) => [
    ...(mighty ? [`alter role ${identifier(role.name)} nosuperuser;`] : []),
    // before 16 only a superuser may alter who may replicate
    ...(copies && !isNew ? [`alter role ${identifier(role.name)} noreplication;`] : []),
    ...(isNew && !ours ? [`${handsOff(target, role).sql};`] : []),
  ])
}
