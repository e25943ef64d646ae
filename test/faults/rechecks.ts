import assert from 'node:assert/strict'
import type { SessionId } from '../../lib/ids.ts'
import { approve } from '../../broker/sessions/lifecycle.ts'
import { makeBroker, storyOf } from '../support/broker.ts'
import { listOurRoles } from '../support/oracles.ts'
import type { Bench } from './bench.ts'
import type { Cell } from './cell.ts'

type Change = (bench: Bench, id: SessionId) => Promise<unknown>

/** What changes once a session user was made and before anybody was let in: g3 decides by what is true then. */
export const RECHECKS: readonly Cell[] = [
  recheck('an approver leaves the group', {
    holds: 'I3',
    change: (bench) =>
      bench.onStore('delete from group_members where person_id = :john', {
        john: bench.world.people.john.id,
      }),
    becomes: 'TERMINATED',
    because: /lacks approvals/,
  }),
  recheck('the requester is disabled', {
    holds: 'I1',
    change: (bench) =>
      bench.onStore('update people set disabled_at = now() where id = :mark', {
        mark: bench.world.people.mark.id,
      }),
    becomes: 'TERMINATED',
    because: /was disabled/,
  }),
  recheck('the role becomes a dangerous one', {
    holds: 'the closure query of the preflight',
    change: (bench) => {
      bench.onClose(() => bench.onShop('revoke pg_execute_server_program from orders_reader'))
      return bench.onShop('grant pg_execute_server_program to orders_reader')
    },
    becomes: 'TERMINATED',
    because: /pg_execute_server_program/,
  }),
  recheck('the window ends', {
    holds: 'I5',
    change: (bench, id) => bench.runOut([id]),
    becomes: 'EXPIRED',
    because: /not granted in time/,
  }),
  recheck('the requester cancels', {
    holds: 'I4',
    change: (bench, id) => bench.cancel(id),
    becomes: 'CANCELED',
    because: /^$/,
  }),
]

function recheck(
  name: string,
  {
    holds,
    change,
    becomes,
    because,
  }: {
    readonly holds: string
    readonly change: Change
    readonly becomes: string
    readonly because: RegExp
  },
): Cell {
  return {
    name: `${name} between g2 and g3`,
    holds: `${holds}: not granted, and the user is gone`,
    run: async (bench) => {
      const { world } = bench
      await bench.onStore(`update roles set approvals_needed = 1 where name = 'role1'`)
      const { id } = await bench.request(['role1'])
      await approve(world.portal, world.scopes.john, world.origins.john, id)
      const broker = makeBroker(world, {
        reached: async (step) => {
          if (step !== 'g2.after' || bench.injected) return
          bench.injected = true
          assert.equal((await listOurRoles(world)).length, 1, 'no user was made')
          await change(bench, id)
        },
      })
      await broker.tick()
      await broker.tick()
      await bench.sound()
      const { endReason } = await bench.look(id)
      assert.equal(await storyOf(world, id), `CREATED role_approved APPROVED ${becomes}`)
      assert.match(endReason ?? '', because)
      await bench.gone(performance.now())
      assert.deepEqual(await listOurRoles(world), [])
      await bench.sound()
    },
  }
}
