import { sentenceOf } from '../../lib/errors.ts'
import { isUuid } from '../../lib/ids.ts'
import { putJob } from '../../db/session-jobs.ts'
import {
  findKnownUser,
  listKnownUsers,
  listUsersElsewhere,
  type KnownUser,
} from '../../db/session-scans.ts'
import { storeTime } from '../../db/store.ts'
import type { Breach } from '../../db/alerts.ts'
import { endBackendsOf } from './backends.ts'
import { isAlive, onDataSource, type BrokerDeps, type Target } from '../sources/data-source.ts'
import { driftOf, handsOff, type Drift } from './drift.ts'
import {
  findMarkedRole,
  findUsers,
  listMarkedRoles,
  type FoundRole,
  type MarkedRole,
} from './found-roles.ts'
import { BROKER, takeSession } from '../sessions/moves.ts'
import { isTrial, removeOldTrials } from '../preflight/trial.ts'
import {
  keysOf,
  noteBreaches,
  recordAltered,
  recordStray,
  unaccountedKey,
} from './reconcile-records.ts'
import { removeElsewhere, removeRole } from './removal.ts'
import { reasonOf } from '../scheduling/deferral.ts'
import { isOver } from '../sessions/session.ts'
import { unhindered } from './session-lock.ts'
import { disableLogin, exclusively, run } from './session-users.ts'
import { mayAlterRoles, passwordOf, reassertVerifiers, tellRefused } from './verifiers.ts'
import { endBySystem } from '../sessions/system-ends.ts'

/** A comparison that takes longer is given up; the next one is never far. */
const DEADLINE_MS = 60_000

/** A marked role, and the session it says it is of. */
interface Claimant {
  readonly role: MarkedRole
  readonly user: KnownUser | undefined
}

/** A role of ours that no session has, with the databases that still hold something of it. */
interface Stray {
  readonly role: FoundRole
  readonly databases: readonly string[]
}

/**
 * Compares a data source with the store, both ways. Restores and failovers bring dropped users
 * back and lose new ones, and people drop and alter roles by hand, so this never ends.
 */
export async function reconcileDataSource(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  const visit = (target: Target): Promise<readonly Stray[]> => compare(deps, target)
  const strays = await onDataSource(deps, dataSourceId, visit, { deadlineMs: DEADLINE_MS })
  for (const stray of strays) await removeElsewhere(deps, dataSourceId, stray)
}

async function compare(deps: BrokerDeps, target: Target): Promise<readonly Stray[]> {
  const { db } = deps.store
  const { id } = target.dataSource
  // asked before the data source: a user made in between must not look lost
  const expected = await listKnownUsers(db, id, [])
  const found = await listMarkedRoles(target, expected)
  const uuids = found.map(({ comment }) => comment ?? '').filter(isUuid)
  const known = new Map(
    (await listKnownUsers(db, id, uuids)).map((user) => [user.sessionUuid, user]),
  )

  const strays: Stray[] = []
  const breaches: Breach[] = []
  const untouched: KnownUser[] = []
  const unseen: string[] = []
  const exact = new Map(expected.map((user) => [signOf(user.roleOid, user.username), user]))
  const elsewhere = await listUsersElsewhere(db, id, uuids)
  const others = new Set(elsewhere.map((user) => signOf(user.roleOid, user.username)))
  for (const role of found) {
    // the same server under another name
    if (others.has(signOf(role.oid, role.name))) continue
    // what somebody wrote into its comment does not make it another session's, nor nobody's
    const user = exact.get(signOf(role.oid, role.name)) ?? known.get(role.comment ?? '')
    const outcome = await apart(deps, target, { role, user })
    if (outcome === undefined) unseen.push(...keysOf(target.dataSource, role, user))
    if (outcome?.stray) strays.push(outcome.stray)
    if (outcome?.breach) breaches.push(outcome.breach)
    if (outcome?.untouched) untouched.push(outcome.untouched)
  }
  const refused = await reassertVerifiers(deps, target, untouched)
  const fault = refused.length > 0 && !(await mayAlterRoles(target)) ? refused[0] : undefined
  if (fault === undefined) {
    for (const each of refused) breaches.push(await tellRefused(deps, target, each))
  }
  const names = new Set(found.map(({ name }) => name))
  const lost = expected.filter(({ mayLogIn, username }) => mayLogIn && !names.has(username))
  await endLostSessions(deps, target, lost)
  await noteBreaches(deps, target.dataSource, { breaches, unseen })
  // no user's fault: the admin login lacks what it needs, and that is told of the data source
  if (fault !== undefined) throw fault.error
  return strays
}

function signOf(oid: number | null, name: string): string {
  return `${String(oid)} ${name}`
}

/** One role that can't be compared must not hide the others: undefined, with what it was in the log. */
async function apart(
  deps: BrokerDeps,
  target: Target,
  claimant: Claimant,
): Promise<Outcome | undefined> {
  try {
    return await reconcileRole(deps, target, claimant)
  } catch (error) {
    if (!(await isAlive(target))) throw error
    const { name } = claimant.role
    deps.log.error({ role: name, error: sentenceOf(error) }, 'a session user was not compared')
    return undefined
  }
}

interface Outcome {
  readonly stray?: Stray
  readonly breach?: Breach | undefined
  /** As it was made, as far as can be seen. */
  readonly untouched?: KnownUser
}

async function reconcileRole(
  deps: BrokerDeps,
  target: Target,
  { role, user }: Claimant,
): Promise<Outcome> {
  if (isTrial(role)) {
    await removeOldTrials(target)
    return {}
  }
  if (user === undefined) return role.canLogIn ? { breach: unaccounted(target, role) } : {}
  const isIts = user.roleOid === role.oid || user.username === role.name
  if (!isIts) return removeStray(deps, target, { role, user })
  if (isOver(user.state)) {
    const dueAt = await storeTime(deps.store.db)
    await putJob(deps.store.db, { sessionId: user.sessionId, kind: 'removal', dueAt })
    return {}
  }
  // under another name since somebody gave it that: its session has lost it, which removes it
  if (user.username !== role.name) return {}
  if (driftOf(target, role, user).length > 0) return setRight(deps, target, { role, user })
  return user.state === 'GRANTED' ? { untouched: user } : {}
}

/** Perhaps another store's; never ours to touch. */
function unaccounted({ dataSource }: Target, { name }: FoundRole): Breach {
  return {
    rule: 'login_unaccounted',
    key: unaccountedKey(dataSource, name),
    detail: `${name} on ${dataSource.name} is marked as a session user, may log in, and belongs to no session.`,
    dataSourceId: dataSource.id,
  }
}

/** Looks again under the session's lock: what is on its way to being changed by us is no alteration. */
async function setRight(
  deps: BrokerDeps,
  target: Target,
  { role, user }: { readonly role: MarkedRole; readonly user: KnownUser },
): Promise<Outcome> {
  const failed: (Drift & { readonly error: string })[] = []
  const look = async (): Promise<readonly Drift[]> => {
    const now = await findKnownUser(deps.store.db, user.sessionId)
    const there = await findMarkedRole(target, role.oid)
    if (now === undefined || there === undefined || isOver(now.state)) return []
    const drifts = driftOf(target, there, now)
    for (const drift of drifts) {
      const error = await tryTo(target, drift.sql)
      if (error !== undefined) failed.push({ ...drift, error })
    }
    if (drifts.length > 0 && now.state === 'GRANTED') {
      const error = await tryTo(target, passwordOf(now))
      // whatever refuses that has mostly been named
      if (error !== undefined && failed.length === 0) {
        failed.push({ ...handsOff(target, role), error })
      }
    }
    return drifts
  }
  const drifts = await unhindered({ deps, target }, user, () =>
    exclusively(target, user.sessionUuid, look),
  )
  if (drifts.length === 0) return {}
  return { breach: await recordAltered(deps, target.dataSource, { user, drifts, failed }) }
}

/** The sentence of the refusal, and the transaction goes on; undefined where it was done. */
async function tryTo(target: Target, sql: string): Promise<string | undefined> {
  await run(target, 'savepoint one')
  try {
    await run(target, sql)
    return undefined
  } catch (error) {
    await run(target, 'rollback to savepoint one')
    return sentenceOf(error)
  }
}

/** Marked and with one of our UUIDs, but not the name that session's user has: made by nobody we know. */
async function removeStray(
  deps: BrokerDeps,
  target: Target,
  { role, user }: { readonly role: FoundRole; readonly user: KnownUser },
): Promise<Outcome> {
  const told = { role, user }
  try {
    await disableLogin(target, role)
    await endBackendsOf(target, role.oid)
    const databases = await removeRole({ deps, target }, role)
    const breach = await recordStray(deps, target.dataSource, told)
    return { breach, stray: { role, databases } }
  } catch (error) {
    if (!(await isAlive(target))) throw error
    const fault = await reasonOf(target, error)
    return { breach: await recordStray(deps, target.dataSource, { ...told, fault }) }
  }
}

/** Their users are gone without our doing, so nobody can use them: better ended than a lie. */
async function endLostSessions(
  deps: BrokerDeps,
  target: Target,
  lost: readonly KnownUser[],
): Promise<void> {
  if (lost.length === 0) return
  const { users, doubtful } = await findUsers(target, lost)
  for (const user of lost) {
    const { name } = target.dataSource
    const other = users.get(user.sessionUuid) ?? doubtful.get(user.sessionUuid)
    const reason =
      other === undefined
        ? `Its database user is no longer on ${name}.`
        : `Somebody gave its database user another name on ${name}: ${other.name}.`
    await endLostSession(deps, user, reason)
  }
}

async function endLostSession(deps: BrokerDeps, user: KnownUser, reason: string): Promise<void> {
  await deps.store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, user.sessionId)
    if (session.state !== 'GRANTED' || session.username !== user.username) return
    await endBySystem(tx, session, { move: 'terminate', at, reason })
  })
}
