import { isUuid } from '../lib/ids.ts'
import { listKnownUsers, type KnownUser } from '../db/session-scans.ts'
import { putJob } from '../db/session-jobs.ts'
import { storeTime } from '../db/store.ts'
import { onDataSource, type BrokerDeps, type Target } from './data-source.ts'
import { BROKER, makeMove, takeSession } from './moves.ts'
import { systemOriginOf } from './origins.ts'
import { removeRole } from './removal.ts'
import { isOver } from './session.ts'
import {
  disableLogin,
  endBackends,
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
  await onDataSource(deps, dataSourceId, async (target) => {
    // asked before the data source: a user made in between must not look lost
    const expected = await listKnownUsers(db, dataSourceId, [])
    const found = await listMarkedRoles(target)
    const uuids = found.map(({ comment }) => comment ?? '').filter(isUuid)
    const known = await listKnownUsers(db, dataSourceId, uuids)

    for (const role of found) {
      const user = known.find(({ sessionUuid }) => sessionUuid === role.comment)
      await reconcileRole(deps, target, { role, user })
    }
    const names = new Set(found.map(({ name }) => name))
    const lost = expected.filter(({ mayLogIn, username }) => mayLogIn && !names.has(username))
    for (const user of lost) await endLostSession(deps, target, user)
  })
}

async function reconcileRole(
  deps: BrokerDeps,
  target: Target,
  { role, user }: { role: FoundRole; user: KnownUser | undefined },
): Promise<void> {
  if (user === undefined) {
    // perhaps another store's; never ours to touch
    deps.log.warn(
      { dataSource: target.dataSource.name, role: role.name },
      'a marked role belongs to no session of this store; it is left alone',
    )
    return
  }
  if (user.username !== role.name) {
    await removeStray(deps, target, role)
    return
  }
  if (isOver(user.state)) {
    await putJob(deps.store.db, {
      sessionId: user.sessionId,
      kind: 'removal',
      dueAt: await storeTime(deps.store.db),
    })
    return
  }
  if (user.state === 'GRANTED') {
    await reassertVerifier(target, { name: role.name, verifier: user.upstreamVerifier })
  }
}

/** Marked and with one of our UUIDs, but not the name that session's user has: made by nobody we know. */
async function removeStray(deps: BrokerDeps, target: Target, role: FoundRole): Promise<void> {
  deps.log.error(
    { dataSource: target.dataSource.name, role: role.name },
    'a second role claims to be a session user; it is removed',
  )
  await disableLogin(target, role)
  await endBackends(target, role.oid)
  await removeRole(deps, target, role)
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
