import type { DateTime } from 'luxon'
import { uuidv7 } from '../lib/ids.ts'
import { appendRecord } from './audit-log.ts'
import { IS_OUT } from './person.ts'
import { detailsOf, differencesBetween, sayDifferences } from './policy-facts.ts'
import { factsOf, saidRole, termsOf, type Role, type RoleTerms } from './roles.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, iso, rows, storeTime, type Db, type Transaction } from './store.ts'

export type ProposalOutcome = 'applied' | 'rejected' | 'withdrawn'

/** A change of a role that one admin may not make alone. */
export interface Proposal {
  readonly id: string
  readonly role: {
    readonly id: string
    readonly name: string
    readonly dataSource: { readonly id: string; readonly name: string }
  }
  /** The role's terms when it was proposed, and as they would be. */
  readonly change: { readonly before: RoleTerms; readonly after: RoleTerms }
  readonly summary: string
  readonly proposedBy: { readonly id: string; readonly username: string; readonly isAdmin: boolean }
  readonly proposedAt: DateTime<true>
  readonly outcome: ProposalOutcome | null
  readonly decidedBy: string | null
  readonly decidedAt: DateTime<true> | null
}

const PROPOSAL = `
     select c.id, json_build_object('id', r.id, 'name', r.name,
                                    'dataSource', json_build_object('id', d.id, 'name', d.name)) as role,
            c.change, c.summary,
            json_build_object('id', p.id, 'username', p.username,
                              'isAdmin', not ${IS_OUT} and p.management_privilege = 'admin') as "proposedBy",
            c.proposed_at as "proposedAt", c.outcome, q.username as "decidedBy", c.decided_at as "decidedAt"
       from policy_proposals c
       join roles r on r.id = c.role_id
       join data_sources d on d.id = r.data_source_id
       join people p on p.id = c.proposed_by
  left join people q on q.id = c.decided_by
      where c.organization_id = coalesce(cast(:organization as uuid), c.organization_id)`

/** Proposals that wait for a second admin, oldest first. */
export function listOpenProposals(db: Db, scope: Scope): Promise<Proposal[]> {
  return rows(
    db,
    `${PROPOSAL}
        and c.outcome is null
      order by c.proposed_at, c.id`,
    { organization: organizationIdOf(scope) },
  )
}

/** One proposal, decided or not. */
export function findProposal(db: Db, scope: Scope, id: string): Promise<Proposal | undefined> {
  return findRow(db, `${PROPOSAL} and c.id = :id`, { id, organization: organizationIdOf(scope) })
}

/** True while nobody has decided a proposal; for those who may know nothing else of it. */
export async function isOpenProposal(db: Db, id: string): Promise<boolean> {
  const open = await findRow(
    db,
    `select id
       from policy_proposals
      where id = :id
        and outcome is null`,
    { id },
  )
  return open !== undefined
}

/** Keeps a proposal, with its record. Errors: constraint `a_role_has_one_open_proposal`. */
export async function insertProposal(
  tx: Transaction,
  origin: Origin,
  { role, terms, proposedBy }: { role: Role; terms: RoleTerms; proposedBy: string },
): Promise<Proposal> {
  const at = await storeTime(tx)
  const before = termsOf(role)
  const differences = differencesBetween(factsOf(before), factsOf(terms))
  const id = uuidv7(at.toMillis())
  await rows(
    tx,
    `insert into policy_proposals (id, organization_id, role_id, change, summary, proposed_by, proposed_at)
     values (:id, :organization, :roleId, cast(:change as jsonb), :summary, :proposedBy, :at)`,
    {
      id,
      organization: origin.organization.id,
      roleId: role.id,
      change: JSON.stringify({ before, after: terms }),
      summary: `${saidRole(role)}: ${sayDifferences(differences)}`,
      proposedBy,
      at: iso(at),
    },
  )
  const made = await getRow<Proposal>(tx, `${PROPOSAL} and c.id = :id`, {
    id,
    organization: origin.organization.id,
  })
  await appendRecord(tx, origin, at, {
    action: 'policy.proposed',
    area: 'policy',
    ...aboutProposal(made),
    outcome: 'ok',
    details: { summary: made.summary, ...detailsOf(differences) },
  })
  return made
}

/**
 * Closes a proposal that is still open; false where another was first. Applying writes no record
 * here: the change of the role does. Errors: constraint `nobody_applies_their_own_proposal`.
 */
export async function closeProposal(
  tx: Transaction,
  origin: Origin,
  closing: {
    readonly proposal: Proposal
    readonly outcome: ProposalOutcome
    readonly decidedBy: string
    readonly reason?: string | undefined
  },
): Promise<boolean> {
  const { proposal, outcome, decidedBy, reason } = closing
  const at = await storeTime(tx)
  const closed = await findRow(
    tx,
    `update policy_proposals
        set outcome = :outcome, decided_by = :decidedBy, decided_at = :at
      where id = :id
        and outcome is null
  returning id`,
    { id: proposal.id, outcome, decidedBy, at: iso(at) },
  )
  if (closed === undefined) return false
  if (outcome === 'applied') return true
  await appendRecord(tx, origin, at, {
    action: 'policy.rejected',
    area: 'policy',
    ...aboutProposal(proposal),
    outcome: 'ok',
    ...(reason === undefined || reason === '' ? {} : { reason }),
    details: {
      summary: proposal.summary,
      how: outcome,
      proposed_by: proposal.proposedBy.username,
    },
  })
  return true
}

/** Ids of the admins who may sign in today, but for one. */
export async function listOtherAdmins(
  db: Db,
  scope: Scope,
  personId: string,
): Promise<readonly string[]> {
  const found = await rows<{ id: string }>(
    db,
    `select p.id
       from people p
      where p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)
        and p.management_privilege = 'admin'
        and not ${IS_OUT}
        and p.id <> :personId
      order by p.username`,
    { organization: organizationIdOf(scope), personId },
  )
  return found.map(({ id }) => id)
}

function aboutProposal({ role }: Proposal) {
  return {
    subject: { type: 'role', id: role.id, name: role.name },
    dataSource: role.dataSource,
  }
}
