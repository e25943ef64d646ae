import type { ClaimedMail } from '../../db/mails.ts'
import { aboutLinkSecret, findLinkEnd } from '../../db/password-links.ts'
import { open } from '../../lib/seal.ts'
import { fields, moment, type Desk, type Draft, type Dropped } from './text.ts'

/** To somebody who is to choose a password. The letter alone holds the link's secret in clear. */
export async function passwordLink(
  desk: Desk,
  { facts, sealed, to }: ClaimedMail,
): Promise<Draft | Dropped> {
  const { link = '', purpose = '', by = '' } = facts
  const end = await findLinkEnd(desk.store.db, link)
  if (end === undefined || sealed === null) return { drop: 'The link is worth nothing any more.' }
  const secret = open(desk.key, sealed, aboutLinkSecret(link))
  const path = `/password/link?${new URLSearchParams({ secret }).toString()}`
  const until = fields([
    ['Username', to.username],
    ['Works until', moment(end, desk)],
    ...(by === '' ? [] : [['Sent by', by] as const]),
  ])
  const once = 'It works once. Whoever has it can choose your password: pass it on to nobody.'
  if (purpose === 'invitation') {
    return {
      subject: 'an account was made for you',
      paragraphs: [
        'You have an account. Choose a password for it with the link below.',
        until,
        once,
      ],
      link: { sentence: 'Choose your password there:', path },
    }
  }
  return {
    subject: 'choose a new password',
    paragraphs: [
      by === ''
        ? 'Somebody asked for a new password for your account at the sign-in page.'
        : 'An admin sends you a link with which you choose a new password.',
      until,
      `${once} If you did not ask for it, do nothing: your password stays as it is.`,
    ],
    link: { sentence: 'Choose a new password there:', path },
  }
}
