import type { DateTime } from 'luxon'
import type { Session, SessionRole } from '../../db/sessions.ts'
import { iso } from '../../db/store.ts'

/** A session as the API says it; CONTRACT: fields are added, never renamed. */
export function sessionJson(session: Session): Record<string, unknown> {
  return {
    id: session.id,
    uuid: session.uuid,
    state: session.state,
    dataSource: session.dataSource.name,
    requester: session.requester.username,
    roles: session.roles.map(roleJson),
    username: session.username,
    start: isoOrNull(session.start),
    end: isoOrNull(session.end),
    minutes: session.minutes,
    justification: session.justification,
    createdAt: iso(session.createdAt),
    diesAt: iso(session.diesAt),
    grantedAt: isoOrNull(session.grantedAt),
    endedAt: isoOrNull(session.endedAt),
    endReason: session.endReason,
    removedAt: isoOrNull(session.grantedAt && session.removedAt),
    removal: removalJson(session),
    waitingFor: session.waitingFor,
    hiddenAt: isoOrNull(session.hiddenAt),
    policyVersion: session.policyVersion,
  }
}

/** Nothing is done about the user of a session that never had one. */
function removalJson({ grantedAt, removal }: Session): Session['removal'] {
  if (grantedAt === null && removal.state === 'done')
    return { state: 'none', detail: null, login: null }
  return removal
}

/** A role of a request with its votes. */
export function roleJson(role: SessionRole): Record<string, unknown> {
  return {
    name: role.name,
    state: role.state,
    needed: role.needed,
    approvals: role.approvals.map(({ by, at, comment }) => ({ by, at: iso(at), comment })),
  }
}

/** An instant as the API says it: ISO-8601, UTC, milliseconds; null stays null. */
export function isoOrNull(at: DateTime<true> | null): string | null {
  return at === null ? null : iso(at)
}
