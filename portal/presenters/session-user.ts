import { isOver, type Session } from '../../broker/sessions/session.ts'
import { presentMaybe, type Zones } from './moments.ts'
import type { SessionUser } from './session-pages.ts'
import { visible } from './visible.ts'

/** The database user of a session, from nothing to nothing. */
export function presentSessionUser(session: Session, zones: Zones): SessionUser {
  const { username, grantedAt, endedAt, removedAt, state } = session
  return {
    sentence: sentenceOf(session),
    name: username === null ? undefined : visible(username),
    roles:
      grantedAt === null && isOver(state)
        ? []
        : session.roles.map(({ databaseRole }) => visible(databaseRole)),
    rolesLabel: grantedAt === null ? 'Will be member of' : 'Member of',
    made: presentMaybe(grantedAt, zones),
    ended: grantedAt !== null && isOver(state) ? presentMaybe(endedAt, zones) : undefined,
    removed: grantedAt !== null ? presentMaybe(removedAt, zones) : undefined,
  }
}

function sentenceOf({ state, grantedAt, removedAt }: Session): string {
  if (grantedAt === null) {
    return isOver(state)
      ? 'None was made that anybody could log in with: the session was never granted.'
      : 'None yet. It is made for this session alone when the window opens.'
  }
  if (!isOver(state)) return 'Made for this session alone; it is gone when the window closes.'
  return removedAt === null
    ? 'Made for this session alone. It is being removed.'
    : 'Made for this session alone, and gone: Daypass looked for it on the data source and found nothing.'
}

/** Why there are no statements yet, for somebody who has never seen a session. */
export function emptyText({ state, grantedAt }: Session, connections: number): string {
  if (grantedAt === null) {
    return isOver(state)
      ? 'This session never had a database user, so nothing could run in it.'
      : 'Nothing can run yet. Once the window is open and somebody connects, every statement stands here: its text and values, rows, time, and errors.'
  }
  if (!isOver(state)) {
    return connections === 0
      ? 'Nobody has connected yet. Every statement sent in this session appears here as it ends, with its values, rows, time and errors.'
      : 'No statement has ended yet. What ends appears here within seconds, with its values, rows, time and errors.'
  }
  return connections === 0
    ? 'Nobody connected while the session was open, so nothing ran in it.'
    : 'Somebody connected, and sent no statement.'
}
