import { appendRecord } from '../../db/audit-log.ts'
import type { Origin, PersonScope } from '../../db/scope.ts'
import { hideSession } from '../../db/session-changes.ts'
import type { Store, Transaction } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { Refused } from '../errors.ts'
import { isOwnRequest } from '../policy/policy.ts'
import { getSession, snapshotOf, takeSession, type Taken } from './moves.ts'
import { isOver, type Session } from './session.ts'

/**
 * Takes one's own session, which is over, out of the lists; its page and its records stay. Doing it
 * twice changes nothing. Errors: `not_found`, `not_entitled`, `state_changed`.
 */
export async function hide(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
): Promise<Session> {
  return store.change(async (tx) => {
    const taken = await takeOwn(tx, scope, id)
    const fault = hidingFault(taken.session)
    if (fault !== undefined) throw new Refused('state_changed', fault)
    return taken.session.hiddenAt === null
      ? setHidden(tx, taken, { origin, hidden: true })
      : taken.session
  })
}

/** Puts one's own session back into the lists. Errors: `not_found`, `not_entitled`. */
export async function show(
  store: Store,
  scope: PersonScope,
  origin: Origin,
  id: SessionId,
): Promise<Session> {
  return store.change(async (tx) => {
    const taken = await takeOwn(tx, scope, id)
    return taken.session.hiddenAt === null
      ? taken.session
      : setHidden(tx, taken, { origin, hidden: false })
  })
}

/** Why a session can't be hidden, in a sentence; undefined where it can. */
export function hidingFault({ id, state, removal }: Session): string | undefined {
  if (!isOver(state)) return `Session ${id} is ${state}: it can be hidden once it is over.`
  // nobody may overlook a session that is over while its user is still there
  if (removal.state === 'none' || removal.state === 'done') return undefined
  return `The user of session ${id} is not removed yet: it can be hidden once it is.`
}

async function takeOwn(tx: Transaction, scope: PersonScope, id: SessionId): Promise<Taken> {
  const taken = await takeSession(tx, scope, id)
  if (isOwnRequest(taken.session, scope.person)) return taken
  const { username } = taken.session.requester
  throw new Refused('not_entitled', `Only ${username}, who asked for it, may hide session ${id}.`)
}

async function setHidden(
  tx: Transaction,
  { session, at }: Taken,
  { origin, hidden }: { readonly origin: Origin; readonly hidden: boolean },
): Promise<Session> {
  await hideSession(tx, session.id, hidden ? at : null)
  await appendRecord(tx, origin, at, {
    action: hidden ? 'session.hidden' : 'session.shown',
    area: 'sessions',
    outcome: 'ok',
    dataSource: session.dataSource,
    session: snapshotOf(session),
  })
  return getSession(tx, session.id)
}
