import { DateTime } from 'luxon'
import type { Origin } from '../../db/scope.ts'
import { lockFreeSessions } from '../../db/session-ends.ts'
import { listWaitingOf } from '../../db/session-scans.ts'
import { storeTime, type Transaction } from '../../db/store.ts'
import type { SessionId } from '../../lib/ids.ts'
import { getSession, lastChangeOf, makeMove } from './moves.ts'
import { expiryOf, isOver } from './session.ts'

/**
 * Cancels what somebody asked for who leaves, in the transaction that ends their account; returns
 * which. What is granted, and what somebody holds locked at this moment, the next tick ends: it finds
 * that the requester may not act any more.
 */
export async function cancelWaiting(
  tx: Transaction,
  origin: Origin,
  { requesterId, reason }: { readonly requesterId: string; readonly reason: string },
): Promise<readonly SessionId[]> {
  const canceled: SessionId[] = []
  for (const id of await lockFreeSessions(tx, await listWaitingOf(tx, requesterId))) {
    const session = await getSession(tx, id)
    // a clock that was set back must not put this change before the last one
    const at = DateTime.max(await storeTime(tx), lastChangeOf(session))
    if (isOver(session.state) || session.state === 'GRANTED' || at >= expiryOf(session)) continue
    await makeMove(tx, session, 'cancel', { origin, at, reason })
    canceled.push(id)
  }
  return canceled
}
