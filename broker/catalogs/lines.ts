import { OTHER_LINES } from './others.ts'
import { RELATION_LINES } from './relations.ts'
import { ROUTINE_LINES } from './routines.ts'

/**
 * What is looked at in one database, a query each for what is read together. Every row is an object:
 * what it is, what it hangs on, the OIDs of its owner and of who granted it, and facts about it.
 * A fact whose name begins with # is a digest: people are told that it changed, not from what to what.
 *
 * Only what every login may read. Left out: temporary objects, TOAST, what came with the server
 * (unless somebody changed the rights on it), statistics and sizes, which change by themselves.
 */
export const DATABASE_LINES: readonly string[] = [
  ...RELATION_LINES,
  ...ROUTINE_LINES,
  ...OTHER_LINES,
]
