import type { Action } from '../../db/audit-log.ts'
import type { SessionState } from '../../db/sessions.ts'

export type SessionMove = 'approve' | 'deny' | 'cancel' | 'expire' | 'terminate' | 'grant'

/** The whole life of a session. The table allowed_moves in the store says the same. */
export const MOVES: Record<SessionState, Partial<Record<SessionMove, SessionState>>> = {
  CREATED: {
    approve: 'APPROVED',
    deny: 'DENIED',
    cancel: 'CANCELED',
    expire: 'EXPIRED',
    terminate: 'TERMINATED',
  },
  APPROVED: { grant: 'GRANTED', cancel: 'CANCELED', expire: 'EXPIRED', terminate: 'TERMINATED' },
  GRANTED: { cancel: 'CANCELED', expire: 'EXPIRED', terminate: 'TERMINATED' },
  DENIED: {},
  CANCELED: {},
  EXPIRED: {},
  TERMINATED: {},
}

/** What the trail calls reaching a state. */
export const ACTION_OF = {
  CREATED: 'session.created',
  APPROVED: 'session.approved',
  GRANTED: 'session.granted',
  DENIED: 'session.denied',
  EXPIRED: 'session.expired',
  CANCELED: 'session.canceled',
  TERMINATED: 'session.terminated',
} as const satisfies Record<SessionState, Action>

/** Where a move leads from a state; undefined where it is not allowed. */
export function stateAfter(state: SessionState, move: SessionMove): SessionState | undefined {
  return MOVES[state][move]
}
