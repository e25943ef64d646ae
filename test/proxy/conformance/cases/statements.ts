import { functionCall, message } from '../../../support/wire-messages.ts'
import {
  bind,
  close,
  describeOf,
  execute,
  extended,
  flush,
  parse,
  query,
  sync,
} from '../frontend.ts'
import { roundsAlike } from '../rounds.ts'
import type { TwoSides } from '../two-sides.ts'

/** Traps 14 to 18: names, pipelines and portals, and what is skipped behind an error. */
export function statementCases(sides: () => TwoSides): void {
  describe('statements', () => {
    const alike = roundsAlike(sides)

    // 14: skipped until Sync
    const broken = parse('selec 1')
    alike(
      '[14] skips to Sync after a Parse error',
      [[[broken, bind(), describeOf('P'), execute(), sync]]],
      /^EZ$/,
    )
    alike(
      '[14] skips a Query inside the skipped part',
      [[[broken, query('select 1'), sync]]],
      /^EZ$/,
    )
    alike(
      '[14] skips a FunctionCall and COPY data there',
      [
        [[broken, functionCall(1598), message('d', 'x'), message('c'), sync]],
        [[query('select 1')]],
      ],
      /^EZTDCZ$/,
    )
    alike(
      '[14] skips even a malformed message there',
      [[[broken, message('B', 'x'), message('E'), sync]]],
      /^EZ$/,
    )
    alike(
      '[14] fails at Bind, Describe, Execute and Close alike',
      [
        [[parse('select $1::int'), bind({ values: ['x'] }), execute(), sync]],
        [[parse('select 1'), bind(), describeOf('P', 'none'), execute(), sync]],
        [[parse('select 1/(random() * 0)::int'), bind(), execute(), execute(), sync]],
        [[message('C', 'X\0'), execute(), sync]],
      ],
      /^1EZ12EZ12EZEZ$/,
    )

    // 15: pipelines
    alike(
      '[15] pipelines with an error in the middle and one Sync',
      [[[extended('select 1'), extended('select 1/0'), extended('select 3'), sync]]],
      /^12TDC1EZ$/,
    )
    alike(
      '[15] pipelines with an error in the middle and several Syncs',
      [[[extended('select 1'), sync, extended('select 1/0'), sync, extended('select 3'), sync], 3]],
      /^12TDCZ1EZ12TDCZ$/,
    )
    alike(
      '[15] undoes what came before the error of a pipeline',
      [
        [[extended(`insert into goods (name) values ('undone')`), extended('select 1/0'), sync]],
        [[query(`select count(*) from goods where name = 'undone'`)]],
      ],
      /^12nC1EZTDCZ$/,
    )
    alike(
      '[15] answers Flush before Sync, and Sync alone',
      [[[extended('select 1'), flush, extended('select 2'), flush, sync, sync], 2]],
      /^12TDC12TDCZZ$/,
    )
    alike(
      '[15] ends a transaction block by BEGIN and COMMIT inside a pipeline',
      [[[extended('begin'), extended('select 1'), extended('commit'), extended('select 2'), sync]]],
      /^12nC12TDC12nC12TDCZ$/,
    )

    // 16: the unnamed statement
    alike(
      '[16] replaces the unnamed statement, and drops it by a Query',
      [
        [[parse('select 1'), parse('select 2'), bind(), execute(), sync]],
        [[parse('select 3'), sync]],
        [[query('select 4')]],
        [[bind(), execute(), sync]],
      ],
      /^112DCZ1ZTDCZEZ$/,
    )
    alike(
      '[16] drops the unnamed statement by a Parse that fails',
      [[[parse('select 1'), sync]], [[parse('selec 2'), sync]], [[bind(), execute(), sync]]],
      /^1ZEZEZ$/,
    )
    alike(
      '[16] refuses a name twice, and keeps the first',
      [
        [[parse('select 1', 'twice'), sync]],
        [[parse('select 2', 'twice'), sync]],
        [[bind({ statement: 'twice' }), execute(), sync]],
        [[close('S', 'twice'), close('S', 'nobody'), sync]],
      ],
      /^1ZEZ2DCZ33Z$/,
    )

    // 17: suspended portals
    const five = parse('select generate_series(1, 5)')
    alike(
      '[17] suspends a portal and goes on with it',
      [[[five, bind(), execute('', 2), execute('', 2), execute('', 2), sync]]],
      /^12D\*sD\*sDCZ$/,
    )
    alike(
      '[17] keeps two portals going by turns, and over a Sync in a transaction',
      [
        [[query('begin')]],
        [
          [
            five,
            bind({ portal: 'a' }),
            bind({ portal: 'b' }),
            execute('a', 1),
            execute('b', 3),
            sync,
          ],
        ],
        [[execute('a', 2), execute('b', 0), sync]],
        [[close('P', 'a'), execute('a', 1), sync]],
        [[query('rollback')]],
      ],
      /^CZ122DsD\*sZD\*sD\*CZ3EZCZ$/,
    )
    alike(
      '[17] loses a portal at the end of its transaction',
      [[[five, bind({ portal: 'a' }), execute('a', 1), sync]], [[execute('a', 1), sync]]],
      /^12DsZEZ$/,
    )
    alike(
      '[17] suspends INSERT … RETURNING',
      [
        [
          [
            parse(
              `insert into goods (id, name) select 900 + n, 'r' from generate_series(1, 3) n returning name`,
            ),
            bind(),
            execute('', 2),
            execute('', 2),
            sync,
          ],
        ],
        [[query('delete from goods where id > 900')]],
      ],
      /^12D\*sDCZCZ$/,
    )

    // 18: names of SQL
    alike(
      '[18] prepares, runs, describes and drops by SQL what the protocol names, and the reverse',
      [
        [[query('prepare p1 as select $1::int + 1')]],
        [[bind({ statement: 'p1', values: ['41'] }), execute(), describeOf('S', 'p1'), sync]],
        [[parse('select 7', 'p2'), sync]],
        [[query('execute p2; deallocate p2')]],
        [[bind({ statement: 'p2' }), execute(), sync]],
        [[query('discard all')]],
        [[bind({ statement: 'p1', values: ['1'] }), sync]],
      ],
      /^CZ2DCtTZ1ZTDCCZEZ(S)*CZEZ$/,
    )
    alike(
      '[18] runs an SQL cursor by a wire Execute',
      [
        [[query('begin; declare c1 cursor for select generate_series(1, 3)')]],
        [[describeOf('P', 'c1'), execute('c1', 2), execute('c1', 2), sync]],
        [[query('fetch c1; close c1; commit')]],
      ],
      /^CCZTD\*sDCZTCCCZ$/,
    )
    alike(
      '[18] keeps statements past a rollback, and a hold cursor past a commit',
      [
        [[query('begin')]],
        [[parse('select 1', 'kept'), sync]],
        [[query('declare h cursor with hold for select 5; commit; fetch h; close h')]],
        [[query('begin; rollback')]],
        [[bind({ statement: 'kept' }), execute(), sync]],
      ],
      /^CZ1ZCCTDCCZCCZ2DCZ$/,
    )
  })
}
