import { DateTime } from 'luxon'
import type { Session, SessionState } from '../../db/sessions.ts'
import { MOVES } from './transitions.ts'

export type { Session, SessionRole, SessionState } from '../../db/sessions.ts'

/** What the trail shows where a session user may still be made. */
const TO_BE_DETERMINED = 'TBD'
/** What it shows once none can be made any more. */
const NO_USERNAME = '-'

/** True once no move leads on. */
export function isOver(state: SessionState): boolean {
  return Object.keys(MOVES[state]).length === 0
}

/** The session username as a row written in this state says it; sessions get theirs when granted. */
export function usernameIn(state: SessionState, { username }: Session): string {
  return username ?? (isOver(state) ? NO_USERNAME : TO_BE_DETERMINED)
}

/** When a session or request expires by itself: what waits for approvals may die before its window does. */
export function expiryOf({ state, end, diesAt }: Session): DateTime<true> {
  if (end === null) return diesAt
  return state === 'CREATED' ? DateTime.min(end, diesAt) : end
}
