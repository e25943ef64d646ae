import { isOver } from '../../broker/sessions/session.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import type { Session } from '../../db/sessions.ts'
import { foldText, PARAGRAPH } from './folded.ts'
import { presentMoment } from './moments.ts'
import { fullName } from './names.ts'
import type { SessionOutcome, SessionPage } from './session-pages.ts'
import type { Look } from './sessions.ts'
import { visible } from './visible.ts'

/** Where the story stands, in a sentence. */
export function headlineOf(session: Session): string {
  const who = visible(session.requester.username)
  const sentences: Readonly<Record<Session['state'], string>> = {
    CREATED: 'The request waits for its approvers.',
    APPROVED:
      session.waitingFor === null
        ? 'Every role is approved. The session user is made when the window opens.'
        : `Waiting for the data source: ${visible(session.waitingFor)}`,
    GRANTED: 'The window is open: the session user exists and may log in.',
    DENIED: 'An approver denied a role, and with it the whole request.',
    EXPIRED:
      session.grantedAt === null
        ? 'Its time ran out before it was granted.'
        : 'The window has closed.',
    CANCELED:
      session.grantedAt === null ? `${who} ended it before it was granted.` : `${who} ended it.`,
    TERMINATED:
      session.grantedAt === null
        ? 'It was ended before it was granted.'
        : 'It was ended before its time.',
  }
  return sentences[session.state]
}

/** How a session ended: by whom, when and why; undefined while it is under way. */
export function presentOutcome(
  session: Session,
  records: readonly AuditRecord[],
  look: Look,
): SessionOutcome | undefined {
  const { state, endedAt, endReason } = session
  if (!isOver(state)) return undefined
  const denied = session.roles.filter((role) => role.state === 'DENIED')
  return {
    label: `${state.slice(0, 1)}${state.slice(1).toLowerCase()}`,
    by: enderOf(session, records, look),
    roles: denied.map(({ name }) => visible(name)),
    at: endedAt === null ? undefined : presentMoment(endedAt, look.zones),
    reason: endReason === null || endReason === '' ? undefined : foldText(endReason, PARAGRAPH),
  }
}

/** Who ended it, as its records have it; time alone lets a session expire. */
function enderOf(
  { state }: Session,
  records: readonly AuditRecord[],
  { names }: Look,
): string | undefined {
  if (state === 'EXPIRED') return undefined
  const ending = records.find((record) => record.scope === 'session' && record.state === state)
  if (ending === undefined) return undefined
  return fullName({ username: ending.actor, displayName: names?.get(ending.body.actor.id) })
}

/** What has become of the session user of a session that is over. */
export function presentRemoval({ state, grantedAt, removal }: Session): SessionPage['removal'] {
  if (!isOver(state)) return undefined
  const isAtRest = removal.state === 'none' || removal.state === 'done'
  if (isAtRest && grantedAt === null) {
    return { text: 'There is none: the session was never granted.', isDue: false }
  }
  if (removal.state === 'none') return undefined
  if (removal.state === 'done') return { text: 'The session user is gone.', isDue: false }
  const standing = removal.state === 'blocked' ? 'Removal blocked' : 'Removal pending'
  const why = removal.detail === null ? '' : ` ${visible(removal.detail)}`
  const login = LOGIN_TEXTS[removal.login ?? 'taken']
  return { text: `${standing}: ${login}. It is tried until it is done.${why}`, isDue: true }
}

const LOGIN_TEXTS: Readonly<Record<NonNullable<Session['removal']['login']>, string>> = {
  taken: 'nobody can use the session user any more',
  unproven: 'the session user may still log in directly to the data source',
  remains: 'the session user CAN STILL LOG IN directly to the data source',
}

/** An ended session whose user is not shut out is the one thing nobody may overlook. */
export function alarmOf({ removal, username, dataSource }: Session): string | undefined {
  const { login } = removal
  if (login === null || login === 'taken') return undefined
  // the first try takes a moment: no news until one has failed
  if (login === 'unproven' && removal.detail === null && removal.state === 'pending')
    return undefined
  const sure = login === 'remains' ? 'can still' : 'may still be able to'
  return `This session is over, but its user ${visible(username ?? '')} ${sure} log in directly to ${visible(dataSource.name)}, past the proxies and unrecorded. See "Session user" for the reason.`
}
