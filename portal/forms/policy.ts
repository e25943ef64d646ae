import type { AskedSource, AskedTerms } from '../../broker/policy/changes.ts'
import { REQUEST_LIFE_MOST } from '../../broker/policy/request-life.ts'
import { RECORDING_MONTHS_MOST } from '../../broker/policy/retention.ts'
import type { JustificationRule } from '../../broker/policy/policy.ts'
import type { GroupCommand } from '../administration/groups.ts'
import { fieldsOf, mistakesIn, type Fields, type Reading } from './fields.ts'
import { whole } from './administration.ts'

/** What a description or a part of a rule may hold, as the API's bodies have it. */
const TEXT_MOST = 1_000
const NAME_MOST = 200
/** PostgreSQL's integer holds nine digits for certain. */
const VERSION = /^[0-9]{1,9}$/

/** The version of the policy that a form was made from; undefined where it doesn't say. */
export function versionIn(body: unknown): number | undefined {
  return versionFrom(fieldsOf(body).text('policyVersion'))
}

/** The number of a version; undefined for anything else. */
export function versionFrom(text: unknown): number | undefined {
  return typeof text === 'string' && VERSION.test(text) ? Number(text) : undefined
}

/** Reads the form of a role's terms: every one of them, as the form shows them all. */
export function readTerms(body: unknown): Reading<AskedTerms> {
  const fields = fieldsOf(body)
  const approvalsNeeded = whole(fields, 'approvalsNeeded', { least: 0, most: 10 })
  const defaultMinutes = whole(fields, 'defaultMinutes', { least: 1, most: 43_200 })
  const maximumMinutes = whole(fields, 'maximumMinutes', { least: 1, most: 43_200 })
  const mistakes = mistakesIn({
    description: tooLong(fields.text('description'), TEXT_MOST),
    approvalsNeeded: approvalsNeeded.mistake,
    defaultMinutes: defaultMinutes.mistake,
    maximumMinutes: maximumMinutes.mistake,
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  const group = fields.text('group')
  return {
    ok: true,
    value: {
      description: fields.text('description'),
      group: group === '' ? null : group,
      approvalsNeeded: approvalsNeeded.count,
      defaultMinutes: defaultMinutes.count,
      maximumMinutes: maximumMinutes.count,
      dangerous: isTicked(fields, 'dangerous'),
      offered: isTicked(fields, 'offered'),
    },
  }
}

/** Reads the form of a group; `members` are the boxes that are ticked. */
export function readGroup(body: unknown): Reading<GroupCommand> {
  const fields = fieldsOf(body)
  const name = fields.text('name')
  const description = fields.text('description')
  const mistakes = mistakesIn({
    name: name === '' ? 'Give the group a name.' : tooLong(name, NAME_MOST),
    description: tooLong(description, TEXT_MOST),
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: { name, description, members: fields.list('members') } }
}

/** The ways a data source can have its rule. */
export const RULE_KINDS = ['global', 'own', 'off'] as const
export type RuleKind = (typeof RULE_KINDS)[number]

/** Reads the form of what a data source asks of requests. */
export function readSourceTerms(body: unknown): Reading<AskedSource> {
  const fields = fieldsOf(body)
  const kind = RULE_KINDS.find((one) => one === fields.text('rule'))
  const rule = ruleIn(fields)
  const mistakes = mistakesIn({
    rule: kind === undefined ? 'Choose which rule holds.' : undefined,
    ...(kind === 'own' ? mistakesOfRule(rule) : {}),
    ...(kind === 'own' && rule.pattern === ''
      ? { justificationPattern: 'Give the pattern, or choose that there is no rule.' }
      : {}),
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  const offered = isTicked(fields, 'offered')
  if (kind !== 'own') {
    const justificationPattern = kind === 'off' ? '' : null
    return { ok: true, value: { justificationPattern, justificationMessage: null, offered } }
  }
  const { pattern: justificationPattern, message } = rule
  const justificationMessage = message === '' ? null : message
  return { ok: true, value: { justificationPattern, justificationMessage, offered } }
}

/** Reads the form of the global rule; an empty pattern is no rule. */
export function readRule(body: unknown): Reading<JustificationRule> {
  const rule = ruleIn(fieldsOf(body))
  const mistakes = mistakesIn(mistakesOfRule(rule))
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: rule }
}

/** Reads the form of how long requests wait. */
export function readRequestLife(body: unknown): Reading<number> {
  const minutes = whole(fieldsOf(body), 'minutes', { least: 1, most: REQUEST_LIFE_MOST })
  const mistakes = mistakesIn({ minutes: minutes.mistake })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: minutes.count }
}

/** Reads the form of how long recordings are kept; an empty field is for ever. */
export function readRetention(body: unknown): Reading<number | null> {
  const fields = fieldsOf(body)
  if (fields.text('months') === '') return { ok: true, value: null }
  const months = whole(fields, 'months', { least: 1, most: RECORDING_MONTHS_MOST })
  const mistakes = mistakesIn({ months: months.mistake })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: months.count }
}

/** The rule as typed, and the text to try it on. */
export function trialIn(body: unknown): {
  readonly rule: JustificationRule
  readonly text: string
} {
  const fields = fieldsOf(body)
  return { rule: ruleIn(fields), text: fields.raw('trial') }
}

function ruleIn(fields: Fields): JustificationRule {
  // spaces are part of a pattern
  return {
    pattern: fields.raw('justificationPattern'),
    message: fields.text('justificationMessage'),
  }
}

function mistakesOfRule({ pattern, message }: JustificationRule) {
  return {
    justificationPattern: tooLong(pattern, TEXT_MOST),
    justificationMessage: tooLong(message, TEXT_MOST),
  }
}

function isTicked(fields: Fields, name: string): boolean {
  return fields.text(name) === 'yes'
}

function tooLong(text: string, most: number): string | undefined {
  return text.length > most ? `Write at most ${most} characters.` : undefined
}
