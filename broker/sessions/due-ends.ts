import { DateTime } from 'luxon'
import { sentenceOf } from '../../lib/errors.ts'
import type { SessionId } from '../../lib/ids.ts'
import { lockFreeSessions } from '../../db/session-ends.ts'
import { listSessions, type SessionState } from '../../db/sessions.ts'
import { storeTime, waitAtMost, type Transaction } from '../../db/store.ts'
import type { BrokerDeps } from '../sources/data-source.ts'
import { within } from '../sources/deadline.ts'
import { BROKER, lastChangeOf, LOCK_PATIENCE_MS, takeSession, type Taken } from './moves.ts'
import { expiryOf, isOver } from './session.ts'
import { endTogether, type EndOf, type SystemEnd } from './system-ends.ts'

/** Transactions on the store at the same time. */
const HANDS = 2
const SESSIONS_AT_ONCE = 50
const DEADLINE_MS = 6_000

const EXPIRED_BECAUSE: Partial<Record<SessionState, string>> = {
  CREATED: 'It was not approved in time.',
  APPROVED: 'It was not granted in time.',
  GRANTED: 'Its time ran out.',
}

/** How a session ends now; undefined where it goes on. */
export type EndNow = (taken: Taken) => Omit<SystemEnd, 'at'> | undefined

/** The end of a session whose time is over. */
export const expiredEnd: EndNow = ({ session, at }) =>
  at < expiryOf(session)
    ? undefined
    : { move: 'expire', reason: EXPIRED_BECAUSE[session.state] ?? '' }

/** The end of a session whose requester may not act any more. */
export const orphanedEnd: EndNow = ({ session: { requester } }) =>
  requester.disabled
    ? { move: 'terminate', reason: `${requester.username} was disabled.` }
    : undefined

/**
 * r1: the decisions about sessions that seem due, with the jobs that carry them out: many in one
 * transaction. One that can't be decided now holds up no other: what fails together, and what
 * somebody holds locked, is tried one by one, and found again by the next tick.
 */
export async function decide(
  deps: BrokerDeps,
  ids: readonly SessionId[],
  endOf: EndNow,
): Promise<void> {
  const batches: (readonly SessionId[])[] = []
  for (let first = 0; first < ids.length; first += SESSIONS_AT_ONCE) {
    batches.push(ids.slice(first, first + SESSIONS_AT_ONCE))
  }
  const hand = async (): Promise<void> => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      await decideBatch(deps, batch, endOf)
    }
  }
  await Promise.all(Array.from({ length: HANDS }, hand))
}

async function decideBatch(
  deps: BrokerDeps,
  ids: readonly SessionId[],
  endOf: EndNow,
): Promise<void> {
  const decided = ids.length > 1 ? await decideFree(deps, ids, endOf) : new Set()
  for (const id of ids.filter((each) => !decided.has(each))) {
    const alone = (tx: Transaction): Promise<readonly Taken[]> =>
      takeSession(tx, BROKER, id).then((taken) => [taken])
    try {
      await within(DEADLINE_MS, `Ending session ${id}`, () => endThose(deps, alone, endOf))
    } catch (error) {
      deps.log.error({ session: id, error: sentenceOf(error) }, 'a session could not be ended')
    }
  }
}

/** Those that were decided, together; none where that failed. */
async function decideFree(
  deps: BrokerDeps,
  ids: readonly SessionId[],
  endOf: EndNow,
): Promise<ReadonlySet<SessionId>> {
  try {
    const together = (): Promise<readonly SessionId[]> =>
      endThose(deps, (tx) => takeFree(tx, ids), endOf)
    return new Set(await within(DEADLINE_MS, 'Ending several sessions', together))
  } catch (error) {
    deps.log.warn({ error: sentenceOf(error) }, 'sessions could not be ended together')
    return new Set()
  }
}

/** Ends what is taken and due; returns all that was taken. */
async function endThose(
  { store, reached }: BrokerDeps,
  take: (tx: Transaction) => Promise<readonly Taken[]>,
  endOf: EndNow,
): Promise<readonly SessionId[]> {
  const { taken, ends } = await store.change(async (tx) => {
    const taken = await take(tx)
    const ends = taken.flatMap((each): EndOf[] => {
      const end = isOver(each.session.state) ? undefined : endOf(each)
      return end === undefined ? [] : [{ ...end, ...each }]
    })
    if (ends.length > 0) await endTogether(tx, ends)
    for (const { session } of ends) await reached('r1.inside', session.id)
    return { taken, ends }
  })
  for (const { session } of ends) await reached('r1.after', session.id)
  return taken.map(({ session }) => session.id)
}

/** Locks those that nobody holds, so as to wait for none; the others are tried by themselves. */
async function takeFree(tx: Transaction, ids: readonly SessionId[]): Promise<readonly Taken[]> {
  await waitAtMost(tx, LOCK_PATIENCE_MS)
  const free = await lockFreeSessions(tx, ids)
  const sessions = await listSessions(tx, BROKER, {
    ids: free,
    showHidden: true,
    limit: free.length,
  })
  const now = await storeTime(tx)
  return sessions.map((session) => ({ session, at: DateTime.max(now, lastChangeOf(session)) }))
}
