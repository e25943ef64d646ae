import { findOpenDetail, isToldOf } from '../../db/alert-letters.ts'
import type { ClaimedMail } from '../../db/mails.ts'
import { isOpenProposal } from '../../db/policy-proposals.ts'
import { fields, quote, type Desk, type Draft, type Dropped } from './text.ts'

/** To a second admin: a change of the policy that one alone may not make. */
export async function proposalWaits(
  { store }: Desk,
  { facts, key, to }: ClaimedMail,
): Promise<Draft | Dropped> {
  if (!to.isAdmin) return { drop: `${to.username} is no admin any more.` }
  if (!(await isOpenProposal(store.db, key))) return { drop: 'The proposal waits no more.' }
  const { summary = '', by = '', path = '/roles' } = facts
  return {
    subject: `${by} proposes a change that takes two admins`,
    paragraphs: [
      'A change of the policy waits for another admin than the one who proposed it.',
      fields([['Proposed by', by]]),
      quote('The change', summary),
    ],
    link: { sentence: 'Look at it, then apply or reject it there:', path },
  }
}

/**
 * To those whom the rule names: something that is promised does not hold at this moment. Not sent
 * about what is over by then.
 */
export async function alertRaised(
  { store }: Desk,
  { facts, key, sessionId, organizationId, to }: ClaimedMail,
): Promise<Draft | Dropped> {
  const { rule = '', title = rule, storm } = facts
  if (!(await isToldOf(store.db, organizationId, { rule, personId: to.id }))) {
    return { drop: `${to.username} is not told of such alerts any more.` }
  }
  const detail = await findOpenDetail(store.db, key)
  if (detail === undefined) return { drop: 'The alert is over.' }
  return {
    subject: `Alert: ${title}${sessionId === null ? '' : `, session ${sessionId}`}`,
    paragraphs: [
      'Something that Daypass promises does not hold at this moment.',
      fields([['Alert', title], ...(sessionId === null ? [] : [['Session', sessionId] as const])]),
      quote('What was seen', detail),
      ...(storm === undefined ? [] : [STORM]),
    ],
    link: { sentence: 'The alert, and what else is open:', path: `/alerts#alert-${key}` },
  }
}

const STORM = 'Further alerts of this rule are on the page alone for now.'
