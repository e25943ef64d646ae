import { DateTime } from 'luxon'
import { listExtensionApprovers, type ClaimedMail } from '../../db/mails.ts'
import { pathOf, sessionOf } from './sessions.ts'
import { heedStorm } from './storm.ts'
import { fields, moment, quote, type Desk, type Draft, type Dropped } from './text.ts'

/** To approvers: somebody asks for more time. */
export async function extensionWaits(desk: Desk, mail: ClaimedMail): Promise<Draft | Dropped> {
  const session = await sessionOf(desk, mail)
  const { extension = '', justification = '' } = mail.facts
  const waiting = await listExtensionApprovers(desk.store.db, extension)
  if (!waiting.includes(mail.to.id)) {
    return { drop: `The extension waits for ${mail.to.username} no more.` }
  }
  const storm = await heedStorm(desk, mail, session)
  if ('drop' in storm) return storm
  const { id, requester, dataSource, end } = session
  return {
    subject: `${requester.username} asks for more time, session ${id} on ${dataSource.name}`,
    paragraphs: [
      'A session under way is to last longer. That takes the approval of its roles once more.',
      fields([
        ['Session', id],
        ['Requester', requester.username],
        ['Data source', dataSource.name],
        ['Roles', session.roles.map(({ name }) => name).join(', ')],
        ['Ends', end === null ? '-' : moment(end, desk)],
        ['New end', newEndOf(mail, desk)],
      ]),
      ...(justification === '' ? [] : [quote('Justification', justification)]),
      ...storm,
    ],
    link: { sentence: 'Look at it, then approve or deny it there:', path: pathOf(session) },
  }
}

/** To the requester: how their extension was decided. */
export async function extensionDecided(desk: Desk, mail: ClaimedMail): Promise<Draft> {
  const session = await sessionOf(desk, mail)
  const { state = '', by = '', reason = '' } = mail.facts
  return {
    subject: `More time for session ${session.id}: ${state}`,
    paragraphs: [
      state === 'APPROVED'
        ? 'Your session lasts longer. The session user and its credential stay as they are.'
        : 'Your session does not last longer; it ends as it was to.',
      fields([
        ['Session', session.id],
        ['By', by],
        ['Data source', session.dataSource.name],
        ['New end asked', newEndOf(mail, desk)],
      ]),
      ...(reason === '' ? [] : [quote('Reason', reason)]),
    ],
    link: { sentence: 'The session:', path: pathOf(session) },
  }
}

function newEndOf({ id, facts }: ClaimedMail, desk: Desk): string {
  const at = DateTime.fromISO(facts['new_end'] ?? '', { zone: 'utc' })
  if (!at.isValid) throw new Error(`letter ${id} holds no new end`)
  return moment(at, desk)
}
