import { isToldOf } from '../../db/alert-letters.ts'
import type { ClaimedMail } from '../../db/mails.ts'
import { isOpenProposal } from '../../db/policy-proposals.ts'
import { pathOf } from './sessions.ts'
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

/** To those whom the rule names: something that is promised does not hold at this moment. */
export async function alertRaised(
  { store }: Desk,
  { facts, sessionId, organizationId, to }: ClaimedMail,
): Promise<Draft | Dropped> {
  const { rule = '', title = rule, detail = '' } = facts
  if (!(await isToldOf(store.db, organizationId, { rule, personId: to.id }))) {
    return { drop: `${to.username} is not told of such alerts any more.` }
  }
  return {
    subject: `Alert: ${title}${sessionId === null ? '' : `, session ${sessionId}`}`,
    paragraphs: [
      'Something that Daypass promises does not hold at this moment, or did not when this was written.',
      fields([['Rule', rule], ...(sessionId === null ? [] : [['Session', sessionId] as const])]),
      quote('What was seen', detail),
    ],
    link: {
      sentence: sessionId === null ? 'All alerts:' : 'The session:',
      path: sessionId === null ? '/alerts' : pathOf({ id: sessionId }),
    },
  }
}
