import { isUuid } from '../lib/ids.ts'
import { listKnownUsers, type KnownUser } from '../db/session-scans.ts'
import { putJob } from '../db/session-jobs.ts'
import { storeTime } from '../db/store.ts'
import { onDataSource, type BrokerDeps, type Target } from './data-source.ts'
import { BROKER, makeMove, takeSession } from './moves.ts'
import { systemOriginOf } from './origins.ts'
import { removeElsewhere, removeRole } from './removal.ts'
import { isOver } from './session.ts'
import {
  disableLogin,
  endBackendsOf,
  listMarkedRoles,
  reassertVerifier,
  type FoundRole,
} from './session-users.ts'

/**
 * Compares a data source with the store, both ways. Restores and failovers bring dropped users
 * back and lose new ones, and people drop and alter roles by hand, so this never ends.
 */
export async function reconcileDataSource(deps: BrokerDeps, dataSourceId: string): Promise<void> {
  const { db } = deps.store
  const strays: Stray[] = []
  await onDataSource(deps, dataSourceId, async (target) => {
    // asked before the data source: a user made in between must not look lost
    const expected = await listKnownUsers(db, dataSourceId, [])
    const found = await listMarkedRoles(target)
    const uuids = found.map(({ comment }) => comment ?? '').filter(isUuid)
    const known = await listKnownUsers(db, dataSourceId, uuids)

    for (const role of found) {
      const user = known.find(({ sessionUuid }) => sessionUuid === role.comment)
      const stray = await reconcileRole(deps, target, { role, user })
      if (stray !== undefined) strays.push(stray)
    }
    const names = new Set(found.map(({ name }) => name))
    const lost = expected.filter(({ mayLogIn, username }) => mayLogIn && !names.has(username))
    for (const user of lost) await endLostSession(deps, target, user)
  })
  for (const stray of strays) await removeElsewhere(deps, dataSourceId, stray)
}

/** A role of ours that no session has, with the databases that still hold something of it. */
interface Stray {
  readonly role: FoundRole
  readonly databases: readonly string[]
}

async function reconcileRole(
  deps: BrokerDeps,
  target: Target,
  { role, user }: { role: FoundRole; user: KnownUser | undefined },
): Promise<Stray | undefined> {
  if (user === undefined) {
    // perhaps another store's; never ours to touch
    deps.log.warn(
      { dataSource: target.dataSource.name, role: role.name },
      'a marked role belongs to no session of this store; it is left alone',
    )
    return undefined
  }
  if (user.username !== role.name) return removeStray(deps, target, role)
  if (isOver(user.state)) {
    await putJob(deps.store.db, {
      sessionId: user.sessionId,
      kind: 'removal',
      dueAt: await storeTime(deps.store.db),
    })
    return undefined
  }
  if (user.state === 'GRANTED') {
    await reassertVerifier(target, { name: role.name, verifier: user.upstreamVerifier })
  }
  return undefined
}

/** Marked and with one of our UUIDs, but not the name that session's user has: made by nobody we know. */
async function removeStray(deps: BrokerDeps, target: Target, role: FoundRole): Promise<Stray> {
  deps.log.error(
    { dataSource: target.dataSource.name, role: role.name },
    'a second role claims to be a session user; it is removed',
  )
  await disableLogin(target, role)
  await endBackendsOf(target, role.oid)
  return { role, databases: await removeRole(target, role) }
}

/** Its user is gone without our doing, so nobody can use it: better ended than a lie. */
async function endLostSession(deps: BrokerDeps, target: Target, user: KnownUser): Promise<void> {
  await deps.store.change(async (tx) => {
    const { session, at } = await takeSession(tx, BROKER, user.sessionId)
    if (session.state !== 'GRANTED' || session.username !== user.username) return
    const origin = await systemOriginOf(tx, session)
    const reason = `Its database user is no longer on ${target.dataSource.name}.`
    await makeMove(tx, session, 'terminate', { origin, at, reason })
  })
}
