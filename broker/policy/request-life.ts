import { changeRequestLife } from '../../db/request-life.ts'
import type { Store } from '../../db/store.ts'
import { InvalidRequest } from '../errors.ts'
import { changePolicy, type PolicyChanger } from './changer.ts'

/** 366 days, as the store has it: `request_lives_are_sensible`. */
export const REQUEST_LIFE_MOST = 527_040

/**
 * Changes how long a request waits at most where its window counts from approval. Errors:
 * `invalid_request`, `not_entitled`, `state_changed`.
 */
export function changeLongestWait(store: Store, by: PolicyChanger, minutes: number): Promise<void> {
  return changePolicy(store, by, (tx) => {
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > REQUEST_LIFE_MOST) {
      throw new InvalidRequest({
        minutes: `Give a whole number from 1 to ${REQUEST_LIFE_MOST}.`,
      })
    }
    return changeRequestLife(tx, by.origin, minutes)
  })
}
