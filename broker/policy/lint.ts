import type { DataSource } from '../../db/data-sources.ts'
import type { Group } from '../../db/groups.ts'
import { saidRole, type Role } from '../../db/roles.ts'
import { isPredefined, neighboursOf, outreachesOthers } from './twins.ts'
import { patternFault, type JustificationRule } from './policy.ts'

export const WARNING_CODES = [
  'approvers_short',
  'sole_approver',
  'way_around',
  'powerful_auto_approved',
  'powerful_unmarked',
  'auto_approved',
  'maximum_over_a_day',
  'group_empty',
  'member_locked',
  'pattern_broken',
  'pattern_without_message',
] as const
export type WarningCode = (typeof WARNING_CODES)[number]

/** Something in the policy that will not work, or not protect, as whoever wrote it may believe. */
export interface Warning {
  readonly code: WarningCode
  /** `info` is worth knowing and nothing to mend. */
  readonly severity: 'warning' | 'info'
  readonly about: {
    readonly kind: 'role' | 'group' | 'data source' | 'settings'
    readonly id: string
    readonly name: string
  }
  readonly sentence: string
}

/** What lint reads: the policy as it stands today. */
export interface LintedPolicy {
  readonly roles: readonly Role[]
  readonly groups: readonly Group[]
  readonly sources: readonly DataSource[]
  readonly global: JustificationRule | undefined
}

const DAY_MINUTES = 24 * 60

/** Everything about a policy that deserves a look, warnings before what is only worth knowing. */
export function lintPolicy(policy: LintedPolicy): Warning[] {
  const offered = policy.roles.filter(({ disabledAt }) => disabledAt === null)
  const found = [
    ...offered.flatMap((role) => lintRole(role, neighboursOf(role, offered, policy.sources))),
    ...soleApprovers(offered),
    ...policy.groups.flatMap(lintGroup),
    ...policy.sources.flatMap(lintSource),
    ...lintGlobal(policy.global),
  ]
  return [
    ...found.filter(({ severity }) => severity === 'warning'),
    ...found.filter(({ severity }) => severity === 'info'),
  ]
}

function lintRole(role: Role, neighbours: readonly Role[]): Warning[] {
  return [
    ...tooFewApprovers(role),
    ...wayAround(role, neighbours),
    ...autoApproved(role),
    ...unmarked(role),
    ...tooLong(role),
  ]
}

/** One more than is needed: a member who asks can't approve their own request. */
function tooFewApprovers(role: Role): Warning[] {
  const { approvalsNeeded: needed, approvers } = role
  if (needed === 0 || approvers.length >= needed + 1) return []
  const who = approvers.length === 0 ? '' : ` (${approvers.map((a) => a.username).join(', ')})`
  const effect =
    approvers.length < needed ? 'nobody can get it' : 'none of its approvers can get it themselves'
  return [
    aboutRole(
      role,
      'approvers_short',
      `${saidRole(role)} takes ${counted(needed, 'approval')} and has ${counted(approvers.length, 'approver')} who may sign in${who}: ${effect}, as nobody approves their own request. Have at least ${needed + 1} approvers.`,
    ),
  ]
}

function wayAround(role: Role, neighbours: readonly Role[]): Warning[] {
  const dearer = neighbours.filter((other) => other.approvalsNeeded > role.approvalsNeeded)
  const guarded =
    dearer.find(({ databaseRole }) => databaseRole === role.databaseRole) ??
    dearer.find(() => outreachesOthers(role))
  if (guarded === undefined) return []
  return [
    aboutRole(
      role,
      'way_around',
      `${saidRole(role)} lends ${role.databaseRole} for ${counted(role.approvalsNeeded, 'approval')}, while ${saidRole(guarded)} asks ${counted(guarded.approvalsNeeded, 'approval')} for ${guarded.databaseRole === role.databaseRole ? 'the same' : 'what that reaches too'}: it is a way around.`,
    ),
  ]
}

function autoApproved(role: Role): Warning[] {
  if (role.approvalsNeeded > 0) return []
  if (!isPowerful(role)) {
    const sentence = `${saidRole(role)} takes no approval: whoever asks gets it at once.`
    return [{ ...aboutRole(role, 'auto_approved', sentence), severity: 'info' }]
  }
  return [
    aboutRole(
      role,
      'powerful_auto_approved',
      `${saidRole(role)} lends ${role.databaseRole}, a powerful role, without any approval: ask for two, and mark it dangerous.`,
    ),
  ]
}

/** What its test found keeps it from being lent until an admin has said that they know. */
function unmarked(role: Role): Warning[] {
  if (role.dangers.length === 0 || role.dangerous || role.approvalsNeeded === 0) return []
  return [
    aboutRole(
      role,
      'powerful_unmarked',
      `${saidRole(role)} is too powerful to be lent as it is (${role.dangers.join('; ')}): nobody can get it until it is marked dangerous, with at least 2 approvals.`,
    ),
  ]
}

/** What its test found, or what PostgreSQL itself calls powerful: its predefined roles read and write past every grant. */
function isPowerful({ dangers, databaseRole }: Role): boolean {
  return dangers.length > 0 || isPredefined(databaseRole)
}

function tooLong(role: Role): Warning[] {
  if (role.maximumMinutes <= DAY_MINUTES) return []
  const hours = Math.floor(role.maximumMinutes / 60)
  return [
    aboutRole(
      role,
      'maximum_over_a_day',
      `${saidRole(role)} may be lent for ${hours} hours at a time: over a day, access is no longer just in time.`,
    ),
  ]
}

/** People without whom nothing moves: while they are away, nobody gets anything. */
function soleApprovers(offered: readonly Role[]): Warning[] {
  const guarded = offered.filter(({ approvalsNeeded }) => approvalsNeeded > 0)
  const [first, ...others] = guarded
  const [person, ...more] = first?.approvers ?? []
  if (first === undefined || person === undefined || more.length > 0 || others.length === 0) {
    return []
  }
  const alone = others.every(
    ({ approvers }) => approvers.length === 1 && approvers[0]?.id === person.id,
  )
  if (!alone) return []
  return [
    aboutRole(
      first,
      'sole_approver',
      `${person.username} is the only approver of everything: while they are away, nobody gets anything.`,
    ),
  ]
}

function lintGroup(group: Group): Warning[] {
  const about = { kind: 'group', id: group.id, name: group.name } as const
  if (group.members.length === 0) {
    const sentence = `Group ${group.name} has no members: nobody can approve what it is asked for.`
    return [{ code: 'group_empty', severity: 'warning', about, sentence }]
  }
  return group.members
    .filter(({ locked }) => locked)
    .map(({ username }) => ({
      code: 'member_locked',
      severity: 'warning',
      about,
      sentence: `${username} of group ${group.name} is locked out: their approvals don't count. Take them out, or unlock them.`,
    }))
}

function lintSource(source: DataSource): Warning[] {
  if (source.justificationPattern === null || source.disabledAt !== null) return []
  const rule = { pattern: source.justificationPattern, message: source.justificationMessage ?? '' }
  const about = { kind: 'data source', id: source.id, name: source.name } as const
  return lintRule(rule, about, `The justification rule of data source ${source.name}`)
}

function lintGlobal(rule: JustificationRule | undefined): Warning[] {
  if (rule === undefined) return []
  const about = {
    kind: 'settings',
    id: 'justification',
    name: 'global justification rule',
  } as const
  return lintRule(rule, about, 'The global justification rule')
}

function lintRule(
  { pattern, message }: JustificationRule,
  about: Warning['about'],
  name: string,
): Warning[] {
  if (pattern === '') return []
  if (patternFault(pattern) !== undefined) {
    const sentence = `${name} is no regular expression: every request is refused until it is mended.`
    return [{ code: 'pattern_broken', severity: 'warning', about, sentence }]
  }
  if (message.trim() !== '') return []
  const sentence = `${name} has no message: people are shown the bare pattern.`
  return [{ code: 'pattern_without_message', severity: 'warning', about, sentence }]
}

function aboutRole(role: Role, code: WarningCode, sentence: string): Warning {
  const about = { kind: 'role', id: role.id, name: role.name } as const
  return { code, severity: 'warning', about, sentence }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
