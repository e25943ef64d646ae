import type { SessionState } from '../../db/sessions.ts'

/** Every state, in the order of a session's life. */
export const SESSION_STATES = [
  'CREATED',
  'APPROVED',
  'GRANTED',
  'DENIED',
  'EXPIRED',
  'CANCELED',
  'TERMINATED',
] as const satisfies readonly SessionState[]

/** The seven states in plain words. */
export const GLOSSES: Readonly<Record<SessionState, string>> = {
  CREATED: 'waits for approvals',
  APPROVED: 'approved, waits for its start',
  GRANTED: 'open: the login works',
  DENIED: 'an approver said no',
  EXPIRED: 'its time ran out',
  CANCELED: 'ended by its requester',
  TERMINATED: 'ended by an admin or the system',
}

/** A state by its name in any case; undefined for anything else. */
export function parseState(text: string): SessionState | undefined {
  return SESSION_STATES.find((state) => state === text.trim().toUpperCase())
}
