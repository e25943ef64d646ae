import { mayDecide } from '../../broker/policy/policy.ts'
import type { PersonScope } from '../../db/scope.ts'
import type { Session } from '../../db/sessions.ts'
import type { FieldMistakes } from '../errors.ts'
import type { Action } from './pieces.ts'
import type { Decision, ReasonForm } from './session-pages.ts'
import { visible } from './visible.ts'

/** What a form of a session's page was posted with, when it comes back. */
export interface Returned {
  readonly action: 'approval' | 'denial' | 'cancellation' | 'termination'
  readonly typed: { readonly comment?: string; readonly reason?: string }
  readonly mistakes: FieldMistakes
}

/** The forms of one who may decide now; undefined for everyone else. */
export function presentDecision(
  session: Session,
  { scope }: { readonly scope: PersonScope },
  returned?: Returned,
): Decision | undefined {
  const roles = mayDecide(session, scope.person)
  if (roles.length === 0) return undefined
  const href = `/sessions/${session.id}`
  const approval = returned?.action === 'approval' ? returned : undefined
  const denial = returned?.action === 'denial' ? returned : undefined
  return {
    approvalHref: `${href}/approval`,
    denialHref: `${href}/denial`,
    denialLabel: `Deny session ${session.id}`,
    denialHint: `The whole request is denied at once, and ${visible(session.requester.username)} sees your reason.`,
    roles,
    labels: roles.map(visible),
    comment: { value: approval?.typed.comment ?? '', error: firstOf(approval, 'comment') },
    reason: { value: denial?.typed.reason ?? '', error: firstOf(denial, 'reason') },
  }
}

/** The form that ends a session before its time: by its requester, or by an admin. */
export function presentEndingForm(
  action: keyof typeof VERBS,
  session: Session,
  returned: Returned | undefined,
): ReasonForm {
  const mine = returned?.action === action ? returned : undefined
  return {
    href: `/sessions/${session.id}/${action}`,
    label: `${VERBS[action]} session ${session.id}`,
    hint: whatEnding(action, session),
    value: mine?.typed.reason ?? '',
    error: firstOf(mine, 'reason'),
  }
}

const VERBS = { cancellation: 'Cancel', termination: 'Terminate' } as const

/** The same for a row of a list, where the reason comes once it is asked for. */
export function presentEndingAction(action: keyof typeof VERBS, session: Session): Action {
  const { href, label, hint } = presentEndingForm(action, session, undefined)
  const asked = action === 'termination' ? { needsReason: true } : { takesReason: true }
  return { href, label: VERBS[action], confirm: label, hint, tone: 'danger', ...asked }
}

function whatEnding(action: keyof typeof VERBS, { grantedAt, requester }: Session): string {
  if (grantedAt === null) return 'It ends at once and is never granted.'
  return action === 'cancellation'
    ? 'Your connections are cut at once; the session user is removed.'
    : `${visible(requester.username)} loses every connection at once; the session user is removed.`
}

/** The sentence for a form's one field; a mistake about anything else is shown there too. */
function firstOf(returned: Returned | undefined, field: string): string | undefined {
  return returned && (returned.mistakes[field] ?? Object.values(returned.mistakes)[0])
}
