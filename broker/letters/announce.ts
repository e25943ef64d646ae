import type { DateTime } from 'luxon'
import { listExtensionApprovers, queueMail, queueMails, type NewMail } from '../../db/mails.ts'
import type { Origin } from '../../db/scope.ts'
import type { Session, SessionRole } from '../../db/sessions.ts'
import { iso, type Transaction } from '../../db/store.ts'
import { mayDecide } from '../policy/policy.ts'

/** What happened, when, and why; the actor is in the origin. */
export interface News {
  readonly origin: Origin
  readonly at: DateTime<true>
  readonly reason?: string | undefined
}

/** Minutes before its end at which the requester of a session is reminded. */
export const REMINDERS = [10, 1] as const

/** Tells whom the state concerns that a session has just reached. */
export async function announceState(tx: Transaction, session: Session, news: News): Promise<void> {
  await queueMails(tx, session.organizationId, stateLetters(session, news))
}

/**
 * The letters about the state that a session has just reached: to approvers of what waits for them,
 * to the requester of what others did, and of the end when it comes near.
 */
export function stateLetters(session: Session, news: News): readonly NewMail[] {
  const { state, moveCount } = session
  return [
    ...(state === 'CREATED' ? [toApprovers(session, news)] : []),
    ...(state === 'GRANTED' ? reminders(session, news.at) : []),
    toRequester(session, news, { key: String(moveCount), facts: { change: state } }),
  ]
}

/**
 * Tells the requester of an approval by somebody; `votes` says how far it is from being enough. What
 * nobody had to approve is no news, and a denial is told by the session's own state.
 */
export async function announceRoles(
  tx: Transaction,
  session: Session,
  news: News & { readonly roles: readonly Pick<SessionRole, 'name'>[]; readonly votes?: string },
): Promise<void> {
  const names = news.roles.map(({ name }) => name).join(', ')
  const asked = session.roles.filter((role) => news.roles.some(({ name }) => name === role.name))
  if (asked.every(({ needed }) => needed === 0)) return
  const key = `${names} by ${news.origin.actor.id}`
  const votes = news.votes === undefined ? {} : { votes: news.votes }
  const facts = { change: 'role approved', roles: names, ...votes }
  await queueMail(tx, session.organizationId, toRequester(session, news, { key, facts }))
}

/**
 * Reminds the requester before the session's end as it stands now. To be called in the transaction
 * that moves the end, too: reminders of an end that was moved are not sent.
 */
export async function announceEnd(
  tx: Transaction,
  session: Ending,
  at: DateTime<true>,
): Promise<void> {
  await queueMails(tx, session.organizationId, reminders(session, at))
}

type Ending = Pick<Session, 'id' | 'organizationId' | 'requester' | 'end'>

/** An extension as its letters tell of it. */
export interface ExtensionNews {
  readonly session: Session
  readonly extensionId: string
  readonly newEnd: DateTime<true>
  readonly justification: string
  readonly at: DateTime<true>
}

/**
 * Tells approvers that an extension waits for them. To be called after the extension and its roles
 * are written, in the same transaction; who is told is read from them.
 */
export async function announceExtensionRequested(
  tx: Transaction,
  { session, extensionId, newEnd, justification, at }: ExtensionNews,
): Promise<void> {
  await queueMail(tx, session.organizationId, {
    kind: 'extension_waits',
    key: extensionId,
    to: await listExtensionApprovers(tx, extensionId),
    sessionId: session.id,
    facts: { extension: extensionId, new_end: iso(newEnd), justification },
    dueAt: at,
  })
}

/**
 * Tells the requester how an extension was decided, unless they did it themselves, and after an
 * approval reminds them of the new end. In the transaction of the decision.
 */
export async function announceExtensionDecided(
  tx: Transaction,
  origin: Origin,
  {
    session,
    extensionId,
    newEnd,
    at,
    state,
    reason,
  }: Omit<ExtensionNews, 'justification'> & {
    readonly state: 'APPROVED' | 'DENIED' | 'CANCELED' | 'EXPIRED'
    readonly reason?: string | null | undefined
  },
): Promise<void> {
  if (state === 'APPROVED') await announceEnd(tx, { ...session, end: newEnd }, at)
  if (isRequester(origin, session)) return
  await queueMail(tx, session.organizationId, {
    kind: 'extension_decided',
    key: `${extensionId} ${state}`,
    to: [session.requester.id],
    sessionId: session.id,
    facts: {
      extension: extensionId,
      state,
      new_end: iso(newEnd),
      by: origin.actor.name,
      reason: reason ?? '',
    },
    dueAt: at,
  })
}

/** One letter a person, however many of the roles are theirs to decide. */
function toApprovers(session: Session, { at }: News): NewMail {
  const awaited = session.roles.filter(({ needed }) => needed > 0)
  const entitled = new Set(awaited.flatMap(({ approverIds }) => approverIds))
  return {
    kind: 'waits_for_you',
    key: session.id,
    to: [...entitled].filter((id) => mayDecide(session, { id }).length > 0),
    sessionId: session.id,
    dueAt: at,
  }
}

/** Those that still fit between now and the end. */
function reminders({ id, requester, end }: Ending, at: DateTime<true>): NewMail[] {
  if (end === null) return []
  return REMINDERS.filter((minutes) => end.minus({ minutes }) > at).map((minutes) => ({
    kind: 'session_ends_soon',
    key: `${id} ${String(minutes)} minutes before ${iso(end)}`,
    to: [requester.id],
    sessionId: id,
    facts: { minutes: String(minutes), end: iso(end) },
    dueAt: end.minus({ minutes }),
  }))
}

interface Change {
  readonly key: string
  readonly facts: Readonly<Record<string, string>>
}

/** Nobody needs a letter about what they did themselves. */
function toRequester(
  session: Session,
  { origin, at, reason = '' }: News,
  { key, facts }: Change,
): NewMail {
  return {
    kind: 'session_changed',
    key: `${session.id} ${key}`,
    to: isRequester(origin, session) ? [] : [session.requester.id],
    sessionId: session.id,
    facts: { ...facts, by: origin.actor.name, reason },
    dueAt: at,
  }
}

function isRequester({ actor }: Origin, { requester }: Pick<Session, 'requester'>): boolean {
  return actor.id === requester.id
}
