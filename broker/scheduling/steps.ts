import type { SessionId } from '../../lib/ids.ts'

/**
 * The arrows of a grant and a removal, in their order; docs/sessions.md says what each step does.
 * `inside` is a transaction that has done its work and is not yet committed.
 */
export const STEPS = [
  'g1.before',
  'g1.inside',
  'g1.after',
  'g2.inside',
  'g2.after',
  'g3.inside',
  'g3.after',
  'g4.inside',
  'g4.after',
  'g5.after',
  'r1.inside',
  'r1.after',
  'r2.inside',
  'r2.after',
  'r3.after',
  'r4.after',
  'r5.inside',
  'r5.after',
  'r6.after',
  'r7.after',
  'r8.inside',
  'r8.after',
] as const
export type Step = (typeof STEPS)[number]

/**
 * Told of every step of every session. In the product it does nothing; tests stop, freeze or fail
 * the broker there, which is how it is shown that no step may be its last.
 */
export type Reached = (step: Step, session: SessionId) => Promise<void>

/** What the product passes: on to the next step. */
export const goOn: Reached = () => Promise.resolve()
