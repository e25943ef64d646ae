import type { Warning } from '../../broker/policy/lint.ts'
import { justificationFault, type JustificationRule } from '../../broker/policy/policy.ts'
import { RECORDING_MONTHS_MOST } from '../../broker/policy/retention.ts'
import type { DataSource } from '../../db/data-sources.ts'
import type { Group } from '../../db/groups.ts'
import type { Proposal } from '../../db/policy-proposals.ts'
import type { Role } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import { trialIn, type RuleKind } from '../forms/policy.ts'
import type { Shell } from '../shell.ts'
import { choice, dangerousChoice, fieldReader, type Posted } from './administration.ts'
import type { Choice } from './pieces.ts'
import type {
  JustificationPage,
  RequestLifePage,
  RetentionPage,
  RolePolicyPage,
  RuleFields,
  SourcePolicyPage,
} from './policy-pages.ts'
import { presentProposal, presentWarning, sayKept, sayLife } from './policy.ts'
import { counted } from './counted.ts'
import { visible } from './visible.ts'

export interface RolePolicyMaterial {
  readonly role: Role
  readonly groups: readonly Group[]
  readonly version: number
  readonly warnings: readonly Warning[]
  readonly proposal: Proposal | undefined
  readonly scope: PersonScope
}

/** The terms of one role, to be changed. */
export function presentRolePolicy(
  { page, zones }: Shell,
  material: RolePolicyMaterial,
  posted: Posted,
): RolePolicyPage {
  const { role, groups, proposal, scope } = material
  const field = fieldReader(posted)
  const group = field('group', role.approverGroup?.name ?? '').value
  return {
    page,
    errors: summaryOf(posted.mistakes),
    version: String(material.version),
    name: visible(role.name),
    href: `/roles/${role.id}/policy`,
    dataSource: visible(role.dataSource.name),
    databaseRole: visible(role.databaseRole),
    warnings: warningsAbout(role.id, material.warnings),
    proposal: proposal && presentProposal(proposal, scope, zones),
    description: field('description', role.description),
    groups: [
      { value: '', label: 'None', chosen: group === '' },
      ...groups.map(({ name, members }) => ({
        ...choice(name, name === group),
        label: `${visible(name)} (${counted(members.length, 'member')})`,
      })),
    ],
    groupError: posted.mistakes['group'],
    approvalsNeeded: field('approvalsNeeded', String(role.approvalsNeeded)),
    defaultMinutes: field('defaultMinutes', String(role.defaultMinutes)),
    maximumMinutes: field('maximumMinutes', String(role.maximumMinutes)),
    dangerous: [dangerousChoice(ticked(posted, 'dangerous', role.dangerous))],
    offered: [offeredChoice(ticked(posted, 'offered', role.disabledAt === null))],
  }
}

/** What one data source asks of requests, to be changed. */
export function presentSourcePolicy(
  { page }: Shell,
  { source, version, warnings }: SourcePolicyMaterial,
  posted: Tried,
): SourcePolicyPage {
  const { justificationPattern: pattern, justificationMessage: message } = source
  const kept = { pattern: pattern ?? '', message: message ?? '' }
  const kind = fieldReader(posted)('rule', kindOf(pattern)).value
  const href = `/data-sources/${source.id}/policy`
  return {
    page,
    errors: summaryOf(posted.mistakes),
    version: String(version),
    name: visible(source.name),
    href,
    warnings: warningsAbout(source.id, warnings),
    kinds: KINDS.map((one) => ({ ...one, chosen: one.value === kind })),
    kindError: posted.mistakes['rule'],
    rule: presentRule(kept, posted, `${href}/trial`),
    offered: [offeredChoice(ticked(posted, 'offered', source.disabledAt === null))],
  }
}

export interface SourcePolicyMaterial {
  readonly source: DataSource
  readonly version: number
  readonly warnings: readonly Warning[]
}

/** The global rule, to be changed. */
export function presentJustification(
  { page }: Shell,
  { rule, version }: { readonly rule: JustificationRule; readonly version: number },
  posted: Tried,
): JustificationPage {
  return {
    page,
    errors: summaryOf(posted.mistakes),
    version: String(version),
    rule: presentRule(rule, posted, '/policy/justification/trial'),
  }
}

/** How long requests wait, to be changed. */
export function presentRequestLife(
  { page }: Shell,
  { minutes, version }: { readonly minutes: number; readonly version: number },
  posted: Posted,
): RequestLifePage {
  return {
    page,
    errors: summaryOf(posted.mistakes),
    version: String(version),
    minutes: fieldReader(posted)('minutes', String(minutes)),
    now: sayLife(minutes),
  }
}

/** How long recordings are kept, to be changed. */
export function presentRetention(
  { page }: Shell,
  { months, version }: { readonly months: number | null; readonly version: number },
  posted: Posted,
): RetentionPage {
  return {
    page,
    errors: summaryOf(posted.mistakes),
    version: String(version),
    months: fieldReader(posted)('months', months === null ? '' : String(months)),
    most: RECORDING_MONTHS_MOST,
    now: sayKept(months),
  }
}

/** A form that may have been posted to try its rule. */
export interface Tried extends Posted {
  readonly tried?: true
}

function presentRule(kept: JustificationRule, posted: Tried, trialHref: string): RuleFields {
  const field = fieldReader(posted)
  const { rule, text } = trialIn(posted.body)
  const fault = posted.tried ? justificationFault(text, rule) : undefined
  return {
    // spaces are part of a pattern
    pattern: {
      ...field('justificationPattern', kept.pattern),
      ...(posted.body === undefined ? {} : { value: rule.pattern }),
    },
    message: field('justificationMessage', kept.message),
    trialHref,
    trial: {
      text,
      said: posted.tried && {
        fits: fault === undefined,
        text: fault === undefined ? 'This would do.' : `It would be refused: ${visible(fault)}`,
      },
    },
  }
}

const KINDS: readonly (Omit<Choice, 'chosen'> & { readonly value: RuleKind })[] = [
  { value: 'global', label: 'The global rule', hint: 'as set for every data source' },
  { value: 'own', label: 'Its own rule', hint: 'the pattern and the message below' },
  {
    value: 'off',
    label: 'No rule',
    hint: 'the global one is switched off here; it may stay empty',
  },
]

function kindOf(pattern: string | null): RuleKind {
  if (pattern === null) return 'global'
  return pattern === '' ? 'off' : 'own'
}

function offeredChoice(chosen: boolean): Choice {
  const hint = 'may be asked for; what is under way goes on either way'
  return { value: 'yes', label: 'Offered', chosen, hint }
}

function ticked({ body }: Posted, name: string, kept: boolean): boolean {
  return body === undefined ? kept : fieldsOf(body).text(name) === 'yes'
}

function warningsAbout(id: string, warnings: readonly Warning[]) {
  return warnings
    .filter(({ about }) => about.id === id)
    .map((warning) => presentWarning(warning, false))
}
