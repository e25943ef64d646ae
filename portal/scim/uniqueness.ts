import { violates } from '../../db/store.ts'
import { named } from '../administration/rules.ts'
import { taken } from './errors.ts'

const RULES = [
  { constraint: 'usernames_are_unique', sentence: 'This userName is taken.' },
  { constraint: 'external_ids_are_unique', sentence: 'Another user has this externalId.' },
  { constraint: 'group_names_are_unique', sentence: 'Another group has this displayName.' },
] as const

/** Runs what keeps something, and says in SCIM's words that it is somebody's already. Errors: `uniqueness`. */
export async function unique<T>(keeping: Promise<T>): Promise<T> {
  try {
    return await keeping
  } catch (error) {
    const rule = RULES.find(({ constraint }) => violates(error, constraint))
    if (rule !== undefined) throw taken(rule.sentence)
    return named(Promise.reject(error as Error))
  }
}
