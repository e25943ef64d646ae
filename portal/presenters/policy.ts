import type { Warning } from '../../broker/policy/lint.ts'
import type { PolicyInForce } from '../../broker/policy/reading.ts'
import type { Proposal } from '../../db/policy-proposals.ts'
import type { Policy, PolicyChange, PolicyRole, PolicyVersion } from '../../db/policy-versions.ts'
import { mayAdminister } from '../privileges.ts'
import type { Shell } from '../shell.ts'
import type { PersonScope } from '../../db/scope.ts'
import { minutesText, presentMoment, type Zones } from './moments.ts'
import type { Action, Link } from './pieces.ts'
import { differencesOf } from './policy-differences.ts'
import type {
  PolicyPage,
  PolicyRow,
  PolicyVersionPage,
  ProposalCard,
  VersionLine,
  WarningLine,
} from './policy-pages.ts'
import { counted } from './counted.ts'
import { visible } from './visible.ts'

/** The policy in force: what lint says, what waits, every role, and the versions before. */
export function presentPolicy(
  { page, zones }: Shell,
  scope: PersonScope,
  { policy, versions, older }: PolicyMaterial,
): PolicyPage {
  const may = mayAdminister(scope)
  return {
    page,
    version: String(policy.current?.version ?? 0),
    changed: policy.current && presentVersion(policy.current, zones),
    warnings: policy.warnings.map((warning) => presentWarning(warning, may)),
    proposals: policy.proposals.map((proposal) => presentProposal(proposal, scope, zones)),
    rows: presentRows(policyOf(policy), may),
    empty: {
      heading: 'No roles yet',
      text: 'The policy says who may get which role of which database, by whose approval. It is empty.',
      action: may ? { href: '/roles/new', label: 'Add a role' } : undefined,
    },
    globalRule: sayGlobal(policyOf(policy)),
    globalHref: may ? '/policy/justification' : undefined,
    requestLife: sayLife(policy.requestLifeMinutes),
    requestLifeHref: may ? '/policy/request-life' : undefined,
    recordings: sayKept(policy.recordingMonths),
    recordingsHref: may ? '/policy/recordings' : undefined,
    versions: versions.map((change) => presentVersion(change, zones)),
    olderHref: older === undefined ? undefined : `/policy?before=${older}`,
  }
}

export interface PolicyMaterial {
  readonly policy: PolicyInForce
  readonly versions: readonly PolicyChange[]
  /** The last version shown, where there are older ones. */
  readonly older: number | undefined
}

/** One version, and what it changed of the one before. */
export function presentPolicyVersion(
  { page, zones }: Shell,
  { version, before, current }: VersionMaterial,
): PolicyVersionPage {
  const { version: number } = version
  return {
    page,
    line: presentVersion(version, zones),
    note: number === current ? 'This version is in force.' : `Version ${current} is in force.`,
    differences: before === undefined ? [] : differencesOf(before.policy, version.policy),
    rows: presentRows(version.policy, false),
    globalRule: sayGlobal(version.policy),
    requestLife: sayLife(version.policy.requestLifeMinutes),
    recordings: sayKept(version.policy.recordingMonths ?? null),
    older: number > 1 ? linkTo(number - 1) : undefined,
    newer: number < current ? linkTo(number + 1) : undefined,
  }
}

export interface VersionMaterial {
  readonly version: PolicyVersion
  readonly before: PolicyVersion | undefined
  readonly current: number
}

/** A finding as a sentence, with the way to the page that mends it for those who may. */
export function presentWarning(warning: Warning, mayMend: boolean): WarningLine {
  const { severity, sentence, about } = warning
  const mend = mayMend && severity === 'warning' ? MENDS[about.kind](about.id) : undefined
  return { severity, text: visible(sentence), mend }
}

const MENDS: Readonly<Record<Warning['about']['kind'], (id: string) => Link>> = {
  role: (id) => ({ href: `/roles/${id}/policy`, label: 'Change the role' }),
  group: (id) => ({ href: `/groups/${id}`, label: 'Open the group' }),
  'data source': (id) => ({ href: `/data-sources/${id}/policy`, label: 'Change the rule' }),
  settings: () => ({ href: '/policy/justification', label: 'Change the rule' }),
}

/** A proposal with what this reader may do about it. */
export function presentProposal(
  { id, summary, proposedBy, proposedAt }: Proposal,
  scope: PersonScope,
  zones: Zones,
): ProposalCard {
  const isOwn = proposedBy.id === scope.person.id
  const href = `/policy/proposals/${id}`
  const others: Action[] = [
    { href: `${href}/approval`, label: 'Apply', tone: 'primary' },
    { href: `${href}/rejection`, label: 'Reject', tone: 'danger', needsReason: true },
  ]
  const own: Action[] = [{ href: `${href}/withdrawal`, label: 'Withdraw', tone: 'plain' }]
  return {
    id,
    summary: presentSummary(summary),
    by: visible(proposedBy.username),
    at: presentMoment(proposedAt, zones),
    note: isOwn
      ? 'It waits for a second admin: nobody applies their own proposal.'
      : 'It waits for a second admin, and takes effect when one applies it.',
    actions: mayAdminister(scope) ? (isOwn ? own : others) : [],
  }
}

/** The policy in force in the shape of a kept version. */
export function policyOf(inForce: PolicyInForce): Policy {
  const { roles, groups, sources, global, requestLifeMinutes, recordingMonths } = inForce
  return {
    roles: roles.map((role) => ({
      ...role,
      dataSource: role.dataSource.name,
      group: role.approverGroup?.name ?? null,
      offered: role.disabledAt === null,
    })),
    groups: groups.map((group) => ({
      ...group,
      members: group.members.map(({ username, locked }) =>
        locked ? `${username} (locked)` : username,
      ),
    })),
    dataSources: sources.map((source) => ({ ...source, offered: source.disabledAt === null })),
    justification: { pattern: global?.pattern ?? '', message: global?.message ?? '' },
    requestLifeMinutes,
    recordingMonths,
  }
}

function presentRows(policy: Policy, mayChange: boolean): PolicyRow[] {
  return policy.roles.map((role) => {
    const group = policy.groups.find(({ name }) => name === role.group)
    return {
      id: role.id,
      role: visible(role.name),
      href: mayChange ? `/roles/${role.id}/policy` : undefined,
      dataSource: visible(role.dataSource),
      databaseRole: visible(role.databaseRole),
      group: visible(role.group ?? '-'),
      approvers: visible(group?.members.join(', ') ?? ''),
      needed: role.approvalsNeeded === 0 ? 'none, approved at once' : String(role.approvalsNeeded),
      times: `${minutesText(role.defaultMinutes)}, at most ${minutesText(role.maximumMinutes)}`,
      flags: flagsOf(role, policy),
      justification: sayRule(role, policy),
    }
  })
}

function flagsOf(role: PolicyRole, policy: Policy): string[] {
  const source = policy.dataSources.find(({ name }) => name === role.dataSource)
  return [
    ...(role.dangerous ? ['dangerous'] : []),
    ...(role.offered && source?.offered !== false ? [] : ['not offered']),
  ]
}

function sayRule(role: PolicyRole, policy: Policy): string {
  const source = policy.dataSources.find(({ name }) => name === role.dataSource)
  const pattern = source?.justificationPattern ?? null
  if (pattern === null) return sayGlobal(policy)
  return pattern === '' ? 'not asked for' : visible(`must match ${pattern}`)
}

function sayGlobal({ justification: { pattern } }: Policy): string {
  return pattern === '' ? 'any text' : visible(`must match ${pattern}`)
}

/** How long a request waits, in words. */
export function sayLife(minutes: number): string {
  if (minutes % DAY_MINUTES === 0) return counted(minutes / DAY_MINUTES, 'day')
  return minutesText(minutes)
}

/** How long recordings are kept, in words. */
export function sayKept(months: number | null): string {
  return months === null ? 'kept for ever' : `kept for ${counted(months, 'month')}`
}

const DAY_MINUTES = 1_440

function presentVersion(change: PolicyChange, zones: Zones): VersionLine {
  return {
    number: String(change.version),
    href: linkTo(change.version).href,
    at: presentMoment(change.at, zones),
    by: visible(change.changedBy),
    summary: presentSummary(change.summary),
  }
}

/** Records say `1 -> 0`; on a page the arrow is one that no line end cuts. */
function presentSummary(summary: string): string {
  return visible(summary).replaceAll(' -> ', ' → ')
}

function linkTo(version: number): Link {
  return { href: `/policy/versions/${version}`, label: `Version ${version}` }
}
