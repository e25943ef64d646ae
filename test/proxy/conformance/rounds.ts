import assert from 'node:assert/strict'
import type { Login } from './scram-login.ts'
import type { TwoSides } from './two-sides.ts'

/** Said at once, and answered by so many ReadyForQuery messages. */
export type Round = readonly [packets: readonly Buffer[], readies?: number]

/**
 * Makes tests of rounds: both sides are told the same, must answer the same bytes, and the types of
 * the messages must be those expected, so that two silences are not taken for agreement.
 */
export function roundsAlike(sides: () => TwoSides) {
  return (
    what: string,
    rounds: readonly Round[],
    types: RegExp,
    login: Partial<Login> = {},
  ): void => {
    it(what, async () => {
      const heard = await sides().same(async (client) => {
        for (const [packets, readies = 1] of rounds) {
          client.say(...packets)
          await client.until('Z', readies)
        }
      }, login)
      assert.match(heard.types, types)
    })
  }
}
