import { differencesBetween, wordsOf } from '../../db/policy-facts.ts'
import type { Policy } from '../../db/policy-versions.ts'
import { sayMonths } from '../../db/retention.ts'
import type { PolicyDifference } from './policy-pages.ts'
import { visible } from './visible.ts'

interface Thing {
  readonly key: string
  readonly name: string
  readonly facts: Readonly<Record<string, string>>
}

/** What one version of the policy changed of another, a row for each field. */
export function differencesOf(before: Policy, after: Policy): PolicyDifference[] {
  const were = new Map(thingsIn(before).map((thing) => [thing.key, thing]))
  const are = new Map(thingsIn(after).map((thing) => [thing.key, thing]))
  return [...new Set([...are.keys(), ...were.keys()])].flatMap((key) => {
    const was = were.get(key)
    const is = are.get(key)
    const name = is?.name ?? was?.name ?? key
    return differencesBetween(was?.facts ?? {}, is?.facts ?? {}).map((difference) => ({
      thing: visible(name),
      field: wordsOf(difference.field),
      before: shown(difference.before),
      after: shown(difference.after),
    }))
  })
}

/** Undefined for a thing that was not there, and for a field that was empty. */
function shown(text: string): string | undefined {
  return text === '' ? undefined : visible(text)
}

function thingsIn(policy: Policy): Thing[] {
  return [
    ...policy.roles.map((role) => ({
      key: role.id,
      name: `role ${role.name} of ${role.dataSource}`,
      facts: {
        database_role: role.databaseRole,
        description: role.description,
        approver_group: role.group ?? '',
        approvals_needed: String(role.approvalsNeeded),
        default_minutes: String(role.defaultMinutes),
        maximum_minutes: String(role.maximumMinutes),
        dangerous: yesOrNo(role.dangerous),
        offered: yesOrNo(role.offered),
      },
    })),
    ...policy.groups.map(({ id, name, description, members }) => ({
      key: id,
      name: `group ${name}`,
      facts: { name, description, members: members.join(', ') },
    })),
    ...policy.dataSources.map((source) => ({
      key: source.id,
      name: `data source ${source.name}`,
      facts: {
        justification_rule: ruleKind(source.justificationPattern),
        justification_pattern: source.justificationPattern ?? '',
        justification_message: source.justificationMessage ?? '',
        offered: yesOrNo(source.offered),
      },
    })),
    {
      key: 'justification',
      name: 'global justification rule',
      facts: { pattern: policy.justification.pattern, message: policy.justification.message },
    },
    {
      key: 'requests',
      name: 'requests',
      facts: { time_to_live_in_minutes: String(policy.requestLifeMinutes) },
    },
    {
      key: 'recordings',
      name: 'recordings',
      facts: { kept_months: sayMonths(policy.recordingMonths ?? null) },
    },
  ]
}

function ruleKind(pattern: string | null): string {
  if (pattern === null) return 'the global one'
  return pattern === '' ? 'none' : 'its own'
}

function yesOrNo(flag: boolean): string {
  return flag ? 'yes' : 'no'
}
