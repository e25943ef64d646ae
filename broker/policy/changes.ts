import { changeGroup, findGroup, type Group } from '../../db/groups.ts'
import {
  changeSourceTerms,
  findDataSource,
  listDataSources,
  type DataSource,
} from '../../db/data-sources.ts'
import { findPersonByUsername } from '../../db/people.ts'
import type { Proposal } from '../../db/policy-proposals.ts'
import { changeRole, findRole, listRoles, saidRole, termsOf } from '../../db/roles.ts'
import type { Role, RoleTerms } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import { changeGlobalJustification } from '../../db/settings.ts'
import type { Store, Transaction } from '../../db/store.ts'
import { InvalidRequest, Refused } from '../errors.ts'
import { changePolicy, type PolicyChanger } from './changer.ts'
import { propose } from './proposals.ts'
import { neighboursOf, outreachesOthers } from './twins.ts'
import { patternFault, type JustificationRule } from './policy.ts'

/** What is asked of a role; absent members stay as they are. */
export interface AskedTerms {
  readonly description?: string | undefined
  /** The name of a group; null: none. */
  readonly group?: string | null | undefined
  readonly approvalsNeeded?: number | undefined
  readonly defaultMinutes?: number | undefined
  readonly maximumMinutes?: number | undefined
  readonly dangerous?: boolean | undefined
  readonly offered?: boolean | undefined
}

/**
 * Changes the terms of a role. To take away the last approval takes two admins: it becomes a
 * proposal, and the role stays as it was. Errors: `invalid_request`, `not_found`, `state_changed`.
 */
export function changeRoleTerms(
  store: Store,
  by: PolicyChanger,
  { id, asked }: { readonly id: string; readonly asked: AskedTerms },
): Promise<{ readonly role: Role; readonly proposal?: Proposal }> {
  return changePolicy(store, by, async (tx) => {
    const role = await findRole(tx, by.scope, id)
    if (role === undefined) throw nothingHere()
    const terms = await resolveTerms(tx, by, { role, asked })
    if (role.approvalsNeeded > 0 && terms.approvalsNeeded === 0) {
      return { role, proposal: await propose(tx, by, { role, terms }) }
    }
    if (terms.offered && role.disabledAt !== null && terms.approvalsNeeded === 0) {
      await refuseWayAround(tx, by, { role, field: 'offered' })
    }
    return { role: await changeRole(tx, by.origin, { role, terms }) }
  })
}

/**
 * Refuses a role without approval that lends what another role lends for approvals: it would be a
 * way around them, opened by one admin alone. Errors: `invalid_request`.
 */
export async function refuseWayAround(
  tx: Transaction,
  { scope }: { readonly scope: PersonScope },
  { role, field }: { readonly role: Role; readonly field: string },
): Promise<void> {
  if (role.approvalsNeeded > 0) return
  const [roles, sources] = [await listRoles(tx, scope), await listDataSources(tx, scope)]
  const guarded = neighboursOf(role, roles, sources).filter((one) => one.approvalsNeeded > 0)
  const twin = guarded.find(({ databaseRole }) => databaseRole === role.databaseRole)
  if (twin !== undefined) {
    throw new InvalidRequest({
      [field]: `${saidRole(twin)} lends ${role.databaseRole} for approvals, and ${saidRole(role)} would be a way around them: give it at least 1 approval, or propose 0 approvals for ${twin.name}, which a second admin decides.`,
    })
  }
  const [lesser] = guarded
  if (lesser === undefined || !outreachesOthers(role)) return
  throw new InvalidRequest({
    [field]: `${role.databaseRole} reaches past every grant, and so past the approvals that ${saidRole(lesser)} takes: give ${saidRole(role)} at least 1 approval.`,
  })
}

/** Changes the name, the description or the members of a group. Errors: `invalid_request`, `not_found`. */
export function changeGroupTerms(
  store: Store,
  by: PolicyChanger,
  { id, asked }: { readonly id: string; readonly asked: AskedGroup },
): Promise<Group> {
  return changePolicy(store, by, async (tx) => {
    const group = await findGroup(tx, by.scope, id)
    if (group?.id !== id) throw nothingHere()
    const kept = group.members.filter(({ username }) => !asked.removed?.includes(username))
    for (const username of asked.removed ?? []) {
      if (!group.members.some((member) => member.username === username)) {
        throw new InvalidRequest({ members: `${username} is no member of ${group.name}.` })
      }
    }
    const terms = {
      name: asked.name ?? group.name,
      description: asked.description ?? group.description,
      memberIds: [...kept.map((member) => member.id), ...(await idsOf(tx, by, asked.added ?? []))],
    }
    return changeGroup(tx, by.origin, { group, terms })
  })
}

/** What is asked of a group; absent members stay as they are, people are named by username. */
export interface AskedGroup {
  readonly name?: string | undefined
  readonly description?: string | undefined
  readonly added?: readonly string[] | undefined
  readonly removed?: readonly string[] | undefined
}

/** What is asked of a data source; absent members stay as they are. */
export interface AskedSource {
  /** Null: the global rule holds; empty: no rule. */
  readonly justificationPattern?: string | null | undefined
  readonly justificationMessage?: string | null | undefined
  readonly offered?: boolean | undefined
}

/** Changes what a data source asks of requests. Errors: `invalid_request`, `not_found`. */
export function changeSource(
  store: Store,
  by: PolicyChanger,
  { id, asked }: { readonly id: string; readonly asked: AskedSource },
): Promise<DataSource> {
  return changePolicy(store, by, async (tx) => {
    const source = await findDataSource(tx, by.scope, id)
    if (source?.id !== id) throw nothingHere()
    refusePattern(asked.justificationPattern ?? '')
    const { justificationPattern: pattern, justificationMessage: message } = asked
    const terms = {
      justificationPattern: pattern === undefined ? source.justificationPattern : pattern,
      justificationMessage: message === undefined ? source.justificationMessage : message,
      offered: asked.offered ?? source.disabledAt === null,
    }
    if (terms.offered && source.disabledAt !== null) await refuseWaysAround(tx, by, source)
    return changeSourceTerms(tx, by.origin, { source, terms })
  })
}

/** What it offers is offered again with it. Errors: `invalid_request`. */
async function refuseWaysAround(
  tx: Transaction,
  by: PolicyChanger,
  { id }: DataSource,
): Promise<void> {
  const roles = await listRoles(tx, by.scope, { dataSourceId: id })
  for (const role of roles.filter(({ disabledAt }) => disabledAt === null)) {
    await refuseWayAround(tx, by, { role, field: 'offered' })
  }
}

/** Changes the rule for data sources without one of their own. Errors: `invalid_request`. */
export function changeGlobalRule(
  store: Store,
  by: PolicyChanger,
  rule: JustificationRule,
): Promise<void> {
  return changePolicy(store, by, (tx) => {
    refusePattern(rule.pattern)
    return changeGlobalJustification(tx, by.origin, rule)
  })
}

/** Errors: `invalid_request` for a pattern that would refuse every request. */
export function refusePattern(pattern: string): void {
  const fault = patternFault(pattern)
  if (fault !== undefined) throw new InvalidRequest({ justificationPattern: fault })
}

/** People by their usernames. Errors: `invalid_request`, about the field so named. */
export async function idsOf(
  tx: Transaction,
  { scope }: { readonly scope: PersonScope },
  usernames: readonly string[],
  field = 'members',
): Promise<string[]> {
  const ids: string[] = []
  for (const username of usernames) {
    const person = await findPersonByUsername(tx, scope, username)
    if (person === undefined) throw new InvalidRequest({ [field]: `There is no user ${username}.` })
    ids.push(person.id)
  }
  return ids
}

async function resolveTerms(
  tx: Transaction,
  by: PolicyChanger,
  { role, asked }: { readonly role: Role; readonly asked: AskedTerms },
): Promise<RoleTerms> {
  const now = termsOf(role)
  const group = await chooseGroup(tx, by, { role, asked })
  const terms: RoleTerms = {
    description: asked.description ?? now.description,
    approverGroup: group && { id: group.id, name: group.name },
    approvalsNeeded: asked.approvalsNeeded ?? now.approvalsNeeded,
    defaultMinutes: asked.defaultMinutes ?? now.defaultMinutes,
    maximumMinutes: asked.maximumMinutes ?? now.maximumMinutes,
    dangerous: asked.dangerous ?? now.dangerous,
    offered: asked.offered ?? now.offered,
  }
  const moved =
    terms.approvalsNeeded > now.approvalsNeeded || terms.approverGroup?.id !== now.approverGroup?.id
  const approvers = group?.members.filter(({ locked }) => !locked).length ?? 0
  refuseTerms(terms, moved ? approvers : undefined)
  return terms
}

async function chooseGroup(
  tx: Transaction,
  { scope }: PolicyChanger,
  { role, asked }: { readonly role: Role; readonly asked: AskedTerms },
): Promise<Group | null> {
  const wanted = asked.group === undefined ? role.approverGroup?.id : asked.group
  if (wanted === undefined || wanted === null) return null
  const found = await findGroup(tx, scope, wanted)
  if (found === undefined) throw new InvalidRequest({ group: `There is no group ${wanted}.` })
  return found
}

/** Errors: `invalid_request`. Approvers are counted where the group or the need grows alone. */
export function refuseTerms(
  terms: Pick<RoleTerms, 'approvalsNeeded' | 'defaultMinutes' | 'maximumMinutes' | 'dangerous'>,
  approvers: number | undefined,
): void {
  const { approvalsNeeded, defaultMinutes, maximumMinutes, dangerous } = terms
  if (defaultMinutes > maximumMinutes) {
    throw new InvalidRequest({ defaultMinutes: 'Choose a default time within the maximum time.' })
  }
  if (dangerous && approvalsNeeded < 2) {
    throw new InvalidRequest({
      approvalsNeeded: 'A dangerous role takes at least 2 approvals: set 2 or more.',
    })
  }
  if (approvers === undefined || approvalsNeeded <= approvers) return
  throw new InvalidRequest({
    approvalsNeeded: `This takes ${approvalsNeeded} approvers, and the role has ${approvers}: choose a group with more people, or fewer approvals.`,
  })
}

/** The same answer for what is not there and for what is another organization's. */
function nothingHere(): Refused {
  return new Refused('not_found', 'There is nothing here under this address that you can see.')
}
