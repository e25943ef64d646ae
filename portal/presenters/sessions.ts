import type { DateTime } from 'luxon'
import { votesFor } from '../../broker/policy/policy.ts'
import { hidingFault } from '../../broker/sessions/hiding.ts'
import { isOver } from '../../broker/sessions/session.ts'
import type { PersonScope } from '../../db/scope.ts'
import type { Mover } from '../../db/session-moves.ts'
import type { Session, SessionState } from '../../db/sessions.ts'
import { mayAdminister } from '../privileges.ts'
import { counted } from './counted.ts'
import {
  lengthText,
  minutesText,
  presentCountdown,
  presentMaybe,
  presentMoment,
  type Zones,
} from './moments.ts'
import { fullName, type Names } from './names.ts'
import type { Action, Countdown, Progress } from './pieces.ts'
import { presentEndingAction } from './session-forms.ts'
import type { SessionGroup, SessionRow } from './session-pages.ts'
import { GLOSSES } from './session-states.ts'
import { visibleLines } from './visible-lines.ts'
import { visible } from './visible.ts'

/** Who looks at a session, when, and in which zones. */
export interface Look {
  readonly scope: PersonScope
  readonly zones: Zones
  /** By the store's clock. */
  readonly now: DateTime<true>
  /** Of those who decide, decided or acted; a session brings its requester's along. */
  readonly names?: Names
}

/** One session as a line of a list; `ender` is who ended it, where that is known. */
export function presentSessionRow(session: Session, look: Look, ender?: Mover): SessionRow {
  return {
    id: session.id,
    href: `/sessions/${session.id}`,
    state: { name: session.state, gloss: GLOSSES[session.state] },
    isMine: isMine(session, look.scope),
    requester: fullName(session.requester),
    dataSource: visible(session.dataSource.name),
    roles: session.roles.map(({ name }) => visible(name)),
    start: presentMaybe(session.start, look.zones),
    end: presentMaybe(session.end, look.zones),
    windowText: windowTextOf(session),
    progress: presentRowProgress(session),
    countdown: presentEnding(session, look.now),
    ending: presentEnd(session, look, ender),
    justification: visibleLines(session.justification),
    isHidden: session.hiddenAt !== null,
    againHref:
      isMine(session, look.scope) && isOver(session.state)
        ? `/sessions/new?again=${session.id}`
        : undefined,
    actions: actionsOn(session, look.scope),
  }
}

/** An open window has its countdown; before it there are approvals, after it the time that was used. */
function presentRowProgress(session: Session): Progress | undefined {
  if (session.state === 'GRANTED') return undefined
  return presentUse(session) ?? presentProgress(session)
}

/** How much of its window a session used; undefined where it was never granted or goes on. */
function presentUse({ grantedAt, start, end, endedAt }: Session): Progress | undefined {
  if (grantedAt === null || start === null || end === null || endedAt === null) return undefined
  const whole = end.toMillis() - start.toMillis()
  const used = Math.min(whole, Math.max(0, endedAt.toMillis() - start.toMillis()))
  const text =
    used === whole
      ? `all of ${lengthText(whole)} used`
      : `${lengthText(used)} of ${lengthText(whole)} used`
  return { of: 'window', done: used, needed: whole, text }
}

/** When and how it ended: `canceled by mark: done early`; who asked for it is named in full before. */
function presentEnd(
  { state, endReason, endedAt, requester }: Session,
  { zones, names }: Look,
  ender: Mover | undefined,
): SessionRow['ending'] {
  if (!isOver(state)) return undefined
  // nobody but its requester cancels a session, and time alone lets it expire
  const by = state === 'CANCELED' ? requester : state === 'EXPIRED' ? undefined : ender
  const displayName = by && by.id !== null && by.id !== requester.id ? names?.get(by.id) : undefined
  const who = by === undefined ? '' : ` by ${fullName({ username: by.username, displayName })}`
  const why = endReason === null || endReason === '' ? '' : `: ${visibleLines(endReason)}`
  return {
    at: endedAt === null ? 'Ended' : `Ended ${presentMoment(endedAt, zones).text}`,
    how: `${state.toLowerCase()}${who}${why}`,
  }
}

/** Sessions under way, by how near they are to a login. */
export function groupSessions(sessions: readonly Session[], look: Look): SessionGroup[] {
  return GROUPS.map(({ state, ...group }) => ({
    ...group,
    rows: sessions
      .filter((session) => session.state === state)
      .map((session) => presentSessionRow(session, look)),
  })).filter(({ rows }) => rows.length > 0)
}

const GROUPS = [
  { state: 'GRANTED', heading: 'Open now', gloss: 'the session user exists and may log in' },
  {
    state: 'APPROVED',
    heading: 'Approved, waiting for its start',
    gloss: 'the session user is made when the window opens',
  },
  {
    state: 'CREATED',
    heading: 'Waiting for approvals',
    gloss: 'every role needs its approvers to agree',
  },
] as const satisfies readonly { state: SessionState; heading: string; gloss: string }[]

/** Whether the reader asked for the session; ids are compared, never names. */
export function isMine(session: Session, { person }: PersonScope): boolean {
  return session.requester.id === person.id
}

/** Approvals in hand of approvals needed, over all roles. */
export function presentProgress(session: Session): Progress {
  const needed = session.roles.reduce((sum, role) => sum + role.needed, 0)
  const done = session.roles.reduce((sum, role) => sum + Math.min(votesFor(role), role.needed), 0)
  const text = needed === 0 ? 'no approval needed' : `${done} of ${counted(needed, 'approval')}`
  return { of: 'approvals', done, needed, text }
}

/** What runs down in this state: the request, the wait or the window. */
export function presentEnding(
  { state, diesAt, start, end }: Session,
  now: DateTime<true>,
): Countdown | undefined {
  if (state === 'CREATED') return presentCountdown('request lapses in', diesAt, { now })
  if (state === 'APPROVED' && start !== null) return presentOpening(start, now)
  if (state === 'GRANTED' && end !== null)
    return presentCountdown('ends in', end, { now, from: start })
  return undefined
}

const OPENING = 'opening now…'

function presentOpening(start: DateTime<true>, now: DateTime<true>): Countdown {
  const countdown = { ...presentCountdown('starts in', start, { now }), due: OPENING }
  return start > now ? countdown : { ...countdown, before: '', text: OPENING }
}

/** What stands in for a window that counts from its approval. */
export function windowTextOf({ start, minutes }: Session): string | undefined {
  return start === null && minutes !== null
    ? `from approval, for ${minutesText(minutes)}`
    : undefined
}

/** `30 min`: the length of the window, whether or not it stands yet. */
export function lengthOf({ start, end, minutes }: Session): string {
  if (start !== null && end !== null) return lengthText(end.toMillis() - start.toMillis())
  return minutes === null ? '-' : minutesText(minutes)
}

/** Hides a session from the lists or shows it again; undefined for who may not. */
export function hidingAction(session: Session, scope: PersonScope): Action | undefined {
  if (!isMine(session, scope)) return undefined
  const href = `/sessions/${session.id}/hiding`
  if (session.hiddenAt !== null) {
    return { href: `${href}/removal`, label: 'Show again', tone: 'plain' }
  }
  return hidingFault(session) === undefined ? { href, label: 'Hide', tone: 'plain' } : undefined
}

function actionsOn(session: Session, scope: PersonScope): Action[] {
  if (isOver(session.state)) {
    const hiding = hidingAction(session, scope)
    return hiding === undefined ? [] : [hiding]
  }
  if (isMine(session, scope)) return [presentEndingAction('cancellation', session)]
  return mayAdminister(scope) ? [presentEndingAction('termination', session)] : []
}
