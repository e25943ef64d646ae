import type { ClaimedMail } from '../../db/mails.ts'
import { findSession, type Session } from '../../db/sessions.ts'
import { iso } from '../../db/store.ts'
import { visible } from '../../lib/visible.ts'
import { announceEnd, REMINDERS } from './announce.ts'
import { heedStorm } from './storm.ts'
import { fields, moment, quote, type Desk, type Draft, type Dropped } from './text.ts'
import { BROKER } from '../sessions/moves.ts'
import { mayDecide } from '../policy/policy.ts'

/** The session a letter is about. */
export async function sessionOf({ store }: Desk, { id, sessionId }: ClaimedMail): Promise<Session> {
  const session = sessionId && (await findSession(store.db, BROKER, sessionId))
  if (!session) throw new Error(`letter ${id} is about no session`)
  return session
}

/** Where a session is shown. */
export function pathOf({ id }: Pick<Session, 'id'>): string {
  return `/sessions/${id}`
}

/** To approvers: a request in which roles are theirs to decide. */
export async function waitsForYou(desk: Desk, mail: ClaimedMail): Promise<Draft | Dropped> {
  const session = await sessionOf(desk, mail)
  const open = mayDecide(session, mail.to)
  if (open.length === 0) {
    return { drop: `Session ${session.id} waits for ${mail.to.username} no more.` }
  }
  const storm = await heedStorm(desk, mail, session)
  if ('drop' in storm) return storm
  const { requester, dataSource, id } = session
  return {
    subject: `${requester.username} asks for ${open.join(', ')} on ${dataSource.name}, session ${id}`,
    paragraphs: [
      'A request for access waits for your decision.',
      fields([
        ['Session', id],
        ['Requester', requester.username],
        ['Data source', dataSource.name],
        ['Yours to decide', open.join(', ')],
        ['All roles asked for', session.roles.map(({ name }) => name).join(', ')],
        ...windowOf(session, desk),
        ['Lapses', moment(session.diesAt, desk)],
      ]),
      quote('Justification', session.justification),
      ...storm,
    ],
    link: { sentence: 'Look at it, then approve or deny it there:', path: pathOf(session) },
  }
}

/** To the requester: what somebody else did to their session, and why. */
export async function sessionChanged(desk: Desk, mail: ClaimedMail): Promise<Draft | Dropped> {
  const session = await sessionOf(desk, mail)
  const { change = '', by = '', reason = '', roles = '', votes } = mail.facts
  if (change === 'APPROVED' && session.grantedAt !== null) {
    return {
      drop: `Session ${session.id} has begun, and the letter about that says who approved it.`,
    }
  }
  const isRole = change === 'role approved'
  const subject = isRole
    ? `${by} approved ${roles}, session ${session.id}`
    : `Session ${session.id} is ${change}`
  const since = isRole || session.state === change ? [] : [`Since then it became ${session.state}.`]
  return {
    subject,
    paragraphs: [
      isRole ? `Your request was approved for ${roles}.` : (sentenceOn(session, change) ?? subject),
      fields([
        ['Session', session.id],
        ['By', by],
        ...(votes === undefined ? [] : [['Approvals', votes] as const]),
        ['Data source', session.dataSource.name],
        ['Roles', session.roles.map(rolesText).join(', ')],
        ...windowOf(session, desk),
        ...(change === 'GRANTED' ? [['Session user', session.username ?? '-'] as const] : []),
      ]),
      ...(reason === '' ? [] : [quote(isRole ? 'Comment' : 'Reason', reason)]),
      ...(APPROVED_BY_THEN.has(change) ? commentsOn(session) : []),
      ...since,
      ...(change === 'GRANTED' && since.length === 0 ? [howToConnect(session)] : []),
    ],
    link: { sentence: 'The session:', path: pathOf(session) },
  }
}

/** To the requester: the end comes near. Not sent about an end that was moved since. */
export async function sessionEndsSoon(desk: Desk, mail: ClaimedMail): Promise<Draft | Dropped> {
  const session = await sessionOf(desk, mail)
  const { id, state, end } = session
  if (state !== 'GRANTED' || end === null || end <= desk.now) return { drop: 'It is over.' }
  if (iso(end) !== mail.facts['end']) {
    await desk.store.change((tx) => announceEnd(tx, session, desk.now))
    return { drop: `The end was moved to ${iso(end)}.` }
  }
  const left = end.diff(desk.now).as('minutes')
  if (REMINDERS.some((minutes) => minutes < Number(mail.facts['minutes']) && left <= minutes)) {
    return { drop: 'The next reminder is due.' }
  }
  const minutes = Math.ceil(left)
  const length = minutes === 1 ? '1 minute' : `${String(minutes)} minutes`
  return {
    subject: `Session ${id} ends in ${length}`,
    paragraphs: [
      `Your session ends in ${length}. Open connections are closed then, and open transactions are rolled back.`,
      fields([
        ['Session', id],
        ['Data source', session.dataSource.name],
        ['Ends', moment(end, desk)],
      ]),
    ],
    link: { sentence: 'The session, where you can ask for more time:', path: pathOf(session) },
  }
}

/** The one letter of an approval that completed the request holds what approvers wrote. */
const APPROVED_BY_THEN: ReadonlySet<string> = new Set(['APPROVED', 'GRANTED'])

function commentsOn({ roles }: Session): string[] {
  const votes = roles.flatMap(({ approvals }) => approvals)
  const said = votes.filter(({ comment }) => comment !== '')
  return [...new Set(said.map(({ by, comment }) => quote(`Comment of ${visible(by)}`, comment)))]
}

const SENTENCES: Readonly<Record<string, string>> = {
  CREATED: 'A session was asked for in your name.',
  APPROVED: 'Every role of your request is approved.',
  GRANTED: 'Your session has begun: you can connect now.',
  DENIED: 'Your request was denied.',
  EXPIRED: 'Your session is over: its time ran out.',
  CANCELED: 'Your session was canceled.',
  TERMINATED: 'Your session was terminated.',
}

/** Of one that was never granted: there was neither access nor a session user. */
const BEFORE_GRANT: Readonly<Record<string, string>> = {
  EXPIRED: 'Your request is over: its time ran out before it was granted.',
  CANCELED: 'Your request was canceled before it was granted.',
  TERMINATED: 'Your request was terminated before it was granted.',
}

function sentenceOn({ grantedAt }: Session, change: string): string | undefined {
  return (grantedAt === null ? BEFORE_GRANT[change] : undefined) ?? SENTENCES[change]
}

function howToConnect({ id }: Session): string {
  return [
    "To connect, make a credential on the session's page, or run:",
    '',
    `  npx --no-install daypass connect ${id}`,
    '',
    'A password is shown only to you, where you ask for it. No letter ever holds one.',
  ].join('\n')
}

function rolesText({ name, state, approvals }: Session['roles'][number]): string {
  const by = approvals.map((approval) => approval.by).join(' and ')
  return by === '' ? `${name} (${state})` : `${name} (${state}, ${by})`
}

function windowOf({ start, end, minutes }: Session, desk: Desk): (readonly [string, string])[] {
  if (start !== null && end !== null) {
    return [
      ['Starts', moment(start, desk)],
      ['Ends', moment(end, desk)],
    ]
  }
  return minutes === null ? [] : [['Lasts', `${String(minutes)} minutes from the last approval`]]
}
