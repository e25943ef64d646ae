import { countAskingLetters, type ClaimedMail } from '../../db/mails.ts'
import type { Session } from '../../db/sessions.ts'
import type { Desk, Dropped } from './text.ts'

/** What one requester may have sent to one approver before the page alone tells of more. */
const LETTERS_AT_MOST = 20
const STORM_MINUTES = 10

/**
 * What a letter that asks an approver for something says of the storm it is part of, or that it is
 * not to be sent: nobody makes us flood somebody's mailbox. Other people's requests don't count.
 */
export async function heedStorm(
  { store }: Desk,
  { to }: ClaimedMail,
  { requester }: Pick<Session, 'requester'>,
): Promise<readonly string[] | Dropped> {
  const before = await countAskingLetters(store.db, {
    personId: to.id,
    requesterId: requester.id,
    minutes: STORM_MINUTES,
  })
  const { username } = requester
  if (before >= LETTERS_AT_MOST) {
    return { drop: `${to.username} got ${before} letters about ${username} within minutes.` }
  }
  if (before < LETTERS_AT_MOST - 1) return []
  return [`What else ${username} asks for in these minutes is on the page alone.`]
}
