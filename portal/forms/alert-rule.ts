import { DELAYS, LONGEST_DELAY_SECONDS } from '../../db/alert-rules.ts'
import { ALERT_RULES } from '../../db/alerts.ts'
import type { AlertRuleCommand } from '../alert-rules.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'

/** Reads the form of one rule: boxes that are not ticked send nothing, and an empty delay is the rule's own. */
export function readAlertRule(body: unknown): Reading<AlertRuleCommand> {
  const fields = fieldsOf(body)
  const rule = ALERT_RULES.find((name) => name === fields.text('rule'))
  if (rule === undefined) return { ok: false, mistakes: { rule: 'Choose a rule of the list.' } }
  const typed = fields.text('afterSeconds')
  const afterSeconds = typed === '' || DELAYS[rule] === undefined ? null : Number(typed)
  const mistakes = mistakesIn({ afterSeconds: delayMistake(afterSeconds) })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  const group = fields.text('group')
  return {
    ok: true,
    value: {
      rule,
      enabled: fields.text('enabled') === 'true',
      mailed: fields.text('mailed') === 'true',
      afterSeconds,
      group: group === '' ? undefined : group,
    },
  }
}

function delayMistake(seconds: number | null): string | undefined {
  if (seconds === null) return undefined
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= LONGEST_DELAY_SECONDS)
    return undefined
  return `Give a whole number of seconds from 0 to ${String(LONGEST_DELAY_SECONDS)}.`
}
