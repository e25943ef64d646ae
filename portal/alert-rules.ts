import { DELAYS, changeAlertPolicy, type AlertPolicyChange } from '../db/alert-rules.ts'
import { findGroup } from '../db/groups.ts'
import type { PortalDeps } from './deps.ts'
import { InvalidRequest } from './errors.ts'
import type { Visit } from './visit.ts'

/** A rule as its form or body describes it; a name stands for the group. */
export interface AlertRuleCommand extends Omit<AlertPolicyChange, 'group'> {
  /** Undefined: every admin. */
  readonly group: string | undefined
}

/** Sets a rule; the caller has asked whether the person may. Errors: `invalid_request`. */
export async function setAlertRule(
  { store }: PortalDeps,
  { scope, origin }: Visit,
  { group: name, ...command }: AlertRuleCommand,
): Promise<void> {
  if (command.afterSeconds !== null && DELAYS[command.rule] === undefined) {
    throw new InvalidRequest({ afterSeconds: 'This rule knows no delay: leave it out.' })
  }
  await store.change(async (tx) => {
    const group = name === undefined ? null : await findGroup(tx, scope, name)
    if (group === undefined) throw new InvalidRequest({ group: `There is no group ${name ?? ''}.` })
    await changeAlertPolicy(tx, origin, { ...command, group })
  })
}
