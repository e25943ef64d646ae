import { queueMail } from '../../db/mails.ts'
import {
  changeRole,
  factsOf,
  findRole,
  termsOf,
  type Role,
  type RoleTerms,
} from '../../db/roles.ts'
import {
  closeProposal,
  findProposal,
  insertProposal,
  listOpenProposals,
  listOtherAdmins,
  type Proposal,
} from '../../db/policy-proposals.ts'
import { differencesBetween } from '../../db/policy-facts.ts'
import type { Store, Transaction } from '../../db/store.ts'
import { InvalidRequest, Refused } from '../errors.ts'
import { checkText } from '../sessions/lifecycle.ts'
import { changePolicy, type PolicyChanger } from './changer.ts'
import { refuseSecondHand } from './hands.ts'

/** Puts a change before a second admin, and tells the other admins. Errors: `invalid_request`. */
export async function propose(
  tx: Transaction,
  { scope, origin }: PolicyChanger,
  { role, terms }: { readonly role: Role; readonly terms: RoleTerms },
): Promise<Proposal> {
  const open = (await listOpenProposals(tx, scope)).find((each) => each.role.id === role.id)
  if (open !== undefined) {
    throw new InvalidRequest({
      approvalsNeeded: `A change of ${role.name} by ${open.proposedBy.username} waits for a second admin already: it has to be applied, rejected or withdrawn first.`,
    })
  }
  const { person } = scope
  const made = await insertProposal(tx, origin, { role, terms, proposedBy: person.id })
  await queueMail(tx, scope.organization.id, {
    kind: 'proposal_waits',
    key: made.id,
    to: await listOtherAdmins(tx, scope, person.id),
    facts: { summary: made.summary, by: person.username, path: '/policy' },
    dueAt: made.proposedAt,
  })
  return made
}

/**
 * Applies another admin's proposal, on exactly the role that was proposed on. Errors:
 * `own_request`, `not_found`, `already_decided`, `state_changed`.
 */
export function applyProposal(store: Store, by: PolicyChanger, id: string): Promise<Role> {
  return changePolicy(store, by, async (tx) => {
    const proposal = await getOpen(tx, by, id)
    const { person } = by.scope
    if (proposal.proposedBy.id === person.id) {
      throw new Refused(
        'own_request',
        'You proposed this change, and nobody applies their own: another admin has to. You may withdraw it.',
      )
    }
    await refuseSecondHand(tx, { person, requesterId: proposal.proposedBy.id, roles: [] })
    const role = await findRole(tx, by.scope, proposal.role.id)
    if (role === undefined || !isAsProposed(role, proposal)) {
      throw new Refused(
        'state_changed',
        `${proposal.role.name} was changed after this was proposed: reject it, and propose it anew.`,
      )
    }
    if (!proposal.proposedBy.isAdmin) {
      throw new Refused(
        'state_changed',
        `${proposal.proposedBy.username}, who proposed it, is no admin any more: reject it, and propose it anew.`,
      )
    }
    await close(tx, by, { proposal, outcome: 'applied' })
    const proposedBy = proposal.proposedBy.username
    return changeRole(tx, by.origin, { role, terms: proposal.change.after, proposedBy })
  })
}

/** Rejects another admin's proposal. Errors: `own_request`, `not_found`, `already_decided`, `invalid_request`. */
export async function rejectProposal(
  store: Store,
  by: PolicyChanger,
  { id, reason }: { readonly id: string; readonly reason?: string | undefined },
): Promise<Proposal> {
  const kept = checkText('reason', reason)
  return changePolicy(store, by, async (tx) => {
    const proposal = await getOpen(tx, by, id)
    if (proposal.proposedBy.id === by.scope.person.id) {
      throw new Refused('own_request', 'You proposed this change: withdraw it instead.')
    }
    return close(tx, by, { proposal, outcome: 'rejected', reason: kept })
  })
}

/** Takes one's own proposal back. Errors: `not_entitled`, `not_found`, `already_decided`. */
export function withdrawProposal(store: Store, by: PolicyChanger, id: string): Promise<Proposal> {
  return changePolicy(store, by, async (tx) => {
    const proposal = await getOpen(tx, by, id)
    if (proposal.proposedBy.id !== by.scope.person.id) {
      const who = proposal.proposedBy.username
      throw new Refused('not_entitled', `${who} proposed this change: reject it instead.`)
    }
    return close(tx, by, { proposal, outcome: 'withdrawn' })
  })
}

async function getOpen(tx: Transaction, { scope }: PolicyChanger, id: string): Promise<Proposal> {
  const proposal = await findProposal(tx, scope, id)
  if (proposal === undefined) throw new Refused('not_found', 'There is no such proposal.')
  if (proposal.outcome !== null) throw alreadyClosed(proposal)
  return proposal
}

async function close(
  tx: Transaction,
  { scope, origin }: PolicyChanger,
  closing: Omit<Parameters<typeof closeProposal>[2], 'decidedBy'>,
): Promise<Proposal> {
  const { proposal } = closing
  const closed = await closeProposal(tx, origin, { ...closing, decidedBy: scope.person.id })
  const now = (await findProposal(tx, scope, proposal.id)) ?? proposal
  if (!closed) throw alreadyClosed(now)
  return now
}

function alreadyClosed({ outcome, decidedBy }: Proposal): Refused {
  return new Refused('already_decided', `${decidedBy ?? 'Someone'} has ${outcome ?? 'closed'} it.`)
}

function isAsProposed(role: Role, { change }: Proposal): boolean {
  const now = termsOf(role)
  // by its id, too: another group may bear that name by now
  if (now.approverGroup?.id !== change.before.approverGroup?.id) return false
  return differencesBetween(factsOf(change.before), factsOf(now)).length === 0
}
