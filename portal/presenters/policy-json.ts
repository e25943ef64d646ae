import type { Warning } from '../../broker/policy/lint.ts'
import type { PolicyInForce } from '../../broker/policy/reading.ts'
import type { Proposal } from '../../db/policy-proposals.ts'
import type { PolicyChange, PolicyVersion } from '../../db/policy-versions.ts'
import { factsOf } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import { iso } from '../../db/store.ts'
import { dataSourceJson, groupJson, roleJson } from './admin-json.ts'
import { isoOrNull } from './session-json.ts'

/** The policy in force as the API says it. */
export function policyJson(policy: PolicyInForce, scope: PersonScope): Record<string, unknown> {
  const { current, global } = policy
  return {
    version: current?.version ?? 0,
    at: isoOrNull(current?.at ?? null),
    changedBy: current?.changedBy ?? null,
    summary: current?.summary ?? null,
    roles: policy.roles.map(roleJson),
    groups: policy.groups.map(groupJson),
    dataSources: policy.sources.map((source) => ({
      ...dataSourceJson(source, scope),
      justificationPattern: source.justificationPattern,
      justificationMessage: source.justificationMessage,
    })),
    justification: { pattern: global?.pattern ?? '', message: global?.message ?? '' },
    requestLifeMinutes: policy.requestLifeMinutes,
    recordingMonths: policy.recordingMonths,
    proposals: policy.proposals.map(proposalJson),
    warnings: policy.warnings.map(warningJson),
  }
}

/** One finding of lint as the API says it. */
export function warningJson({ code, severity, about, sentence }: Warning): Record<string, unknown> {
  return { code, severity, about, sentence }
}

/** A proposal as the API says it; before and after are the role's terms as records say them. */
export function proposalJson(proposal: Proposal): Record<string, unknown> {
  return {
    id: proposal.id,
    role: proposal.role.name,
    dataSource: proposal.role.dataSource.name,
    summary: proposal.summary,
    before: factsOf(proposal.change.before),
    after: factsOf(proposal.change.after),
    proposedBy: proposal.proposedBy.username,
    proposedAt: iso(proposal.proposedAt),
    outcome: proposal.outcome,
    decidedBy: proposal.decidedBy,
    decidedAt: isoOrNull(proposal.decidedAt),
  }
}

/** A version of the policy in a list. */
export function policyChangeJson(change: PolicyChange): Record<string, unknown> {
  const { version, at, changedBy, summary } = change
  return { version, at: iso(at), changedBy, summary }
}

/** A version of the policy, whole. */
export function policyVersionJson(version: PolicyVersion): Record<string, unknown> {
  return { ...policyChangeJson(version), policy: version.policy }
}
