import { appendRecord } from './audit-log.ts'
import { detailsOf, differencesBetween, sayDifferences } from './policy-facts.ts'
import { keepPolicyVersion } from './policy-versions.ts'
import type { Origin } from './scope.ts'
import { storeTime, type Transaction } from './store.ts'

export interface SettingChange {
  /** As records name it. */
  readonly setting: { readonly id: string; readonly name: string }
  readonly before: Readonly<Record<string, string>>
  readonly after: Readonly<Record<string, string>>
  /** Writes what is wanted; not called where nothing differs. */
  readonly keep: () => Promise<unknown>
}

/** Changes a setting that is part of the policy: with a record, and as a version of the policy. */
export async function changeSetting(
  tx: Transaction,
  origin: Origin,
  { setting, before, after, keep }: SettingChange,
): Promise<void> {
  const differences = differencesBetween(before, after)
  if (differences.length === 0) return
  await keep()
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'settings.changed',
    area: 'settings',
    subject: { type: 'setting', ...setting },
    outcome: 'ok',
    details: detailsOf(differences),
  })
  await keepPolicyVersion(tx, origin, `${setting.name}: ${sayDifferences(differences)}`)
}
