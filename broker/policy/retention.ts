import { changeRecordingMonths } from '../../db/retention.ts'
import type { Store } from '../../db/store.ts'
import { InvalidRequest } from '../errors.ts'
import { changePolicy, type PolicyChanger } from './changer.ts'

/** A hundred years, as the store has it: `recordings_are_kept_for_sensible_times`. */
export const RECORDING_MONTHS_MOST = 1_200

/**
 * Changes how many months recordings are kept; null is for ever. Errors: `invalid_request`,
 * `not_entitled`, `state_changed`.
 */
export function changeRetention(
  store: Store,
  by: PolicyChanger,
  months: number | null,
): Promise<void> {
  return changePolicy(store, by, (tx) => {
    if (months !== null && !isSensible(months)) {
      throw new InvalidRequest({
        months: `Give a whole number from 1 to ${RECORDING_MONTHS_MOST}, or none for ever.`,
      })
    }
    return changeRecordingMonths(tx, by.origin, months)
  })
}

function isSensible(months: number): boolean {
  return Number.isInteger(months) && months >= 1 && months <= RECORDING_MONTHS_MOST
}
