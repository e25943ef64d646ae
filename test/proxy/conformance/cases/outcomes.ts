import { functionCall, int16, int32, message } from '../../../support/wire-messages.ts'
import { bind, describeOf, execute, extended, parse, query, sync } from '../frontend.ts'
import { roundsAlike } from '../rounds.ts'
import type { TwoSides } from '../two-sides.ts'

/** Traps 9, 19 to 21 and 30 to 34: what statements lead to. */
export function outcomeCases(sides: () => TwoSides): void {
  describe('outcomes', () => {
    const alike = roundsAlike(sides)

    // 19 and 20
    alike(
      '[19] runs several statements of one Query, empty ones and comments among them',
      [
        [[query('')]],
        [[query(';;;')]],
        [[query('-- nothing')]],
        [[query('/* /* deep */ */ select 1; ; select 2; -- end')]],
        [[query('select 1; select 1/0; select 3')]],
        [[extended(''), sync]],
      ],
      /^IZIZIZTDCTDCZTDCEZ12nIZ$/,
    )
    alike(
      '[19] has one transaction for all statements of a Query',
      [
        [[query(`insert into goods (name) values ('gone'); select 1/0`)]],
        [[query(`select count(*) from goods where name = 'gone'`)]],
        [[query(`begin; insert into goods (name) values ('x'); rollback; select 1`)]],
      ],
      /^CEZTDCZCCCTDCZ$/,
    )
    alike(
      '[20] says I, T and E',
      [
        [[query('begin')]],
        [[query('select 1/0')]],
        [[query('select 1')]],
        [[extended('select 1'), sync]],
        [[query('rollback')]],
        [[query('commit')]],
      ],
      /^CZTEZEZEZCZNCZ$|^CZEZEZEZCZNCZ$/,
    )
    alike(
      '[20] fails at commit, by a deferred constraint',
      [
        [[query('create table d (id int primary key deferrable initially deferred)')]],
        [[query('begin; insert into d values (1), (1)')]],
        [[query('commit')]],
        [[extended('insert into d values (2), (2)'), sync]],
        [[query('drop table d')]],
      ],
      /^CZCCZEZ12nCEZCZ$/,
    )

    // 21
    const length = 1317 // pg_catalog.length(text)
    alike(
      '[21] calls functions, with text, NULL, binary results and errors',
      [
        [[functionCall(length, 'four')]],
        [[message('F', int32(length), int16(0, 1), int32(-1), int16(1))]],
        [[message('F', int32(length), int16(1, 1, 1), int32(3), Buffer.from('abc'), int16(1))]],
        [[functionCall(999_999)]],
        [[functionCall(length)]],
        [[message('F', int32(length))]],
        [[message('F', int32(length), int16(0, 1), int32(-7), int16(0))]],
        [[query('select 1')]],
      ],
      /^VZVZVZEZEZEZEZTDCZ$/,
    )

    // 29
    alike(
      '[29] changes its own password as the server lets it',
      [
        [[query(`begin; alter role current_user password 'another'; rollback`)]],
        [[query(`begin; alter role postgres password 'mine'`)]],
        [[query('rollback')]],
      ],
      /^CCCZCEZCZ$/,
    )

    // 30
    alike(
      '[30] sets roles and the session authorization, and resets them',
      [
        [[query('set role none; select current_user; reset role')]],
        [[query('set role pg_read_all_data')]],
        [[query('set session authorization default; select session_user')]],
        [[query('set session authorization postgres')]],
      ],
      /Z$/,
    )

    // 31
    alike(
      '[31] carries DO blocks, functions and BEGIN ATOMIC',
      [
        [
          [
            query(
              `do $$ begin raise notice 'in a block'; perform 1; raise warning 'and once more'; end $$`,
            ),
          ],
        ],
        [
          [
            query(
              'create function pg_temp.two() returns int language sql begin atomic select 1; select 2; end',
            ),
          ],
        ],
        [[query('select pg_temp.two()')]],
        [
          [
            query(
              `do $$ begin raise exception 'no' using errcode = 'U1234', detail = 'd', hint = 'h', table = 't'; end $$`,
            ),
          ],
        ],
      ],
      /^NNCZCZTDCZEZ$/,
    )

    // 32
    alike(
      '[32] carries parameters and results in text and in binary, and NULL',
      [
        [[parse('select $1::int, $2::text, $3::bytea', 'm'), describeOf('S', 'm'), sync]],
        [
          [
            bind({ statement: 'm', values: ['7', null, ''], results: [1] }),
            describeOf('P'),
            execute(),
            sync,
          ],
        ],
        [
          [
            bind({
              statement: 'm',
              values: [int32(7), 'x', Buffer.from([0, 255])],
              formats: [1, 0, 1],
              results: [0, 1, 1],
            }),
            execute(),
            sync,
          ],
        ],
        [
          [
            bind({
              statement: 'm',
              values: [int32(7), 'x', Buffer.from([0])],
              formats: [1],
              results: [],
            }),
            execute(),
            sync,
          ],
        ],
        [
          [
            parse('select $1, $2', '', [23, 0]),
            describeOf('S'),
            bind({ values: ['1', 'b'] }),
            describeOf('P'),
            execute(),
            sync,
          ],
        ],
      ],
      /^1tTZ2TDCZ2DCZ2DCZ1tT2TDCZ$/,
    )

    // 33
    alike(
      '[33] passes the error of a plan that DDL has changed',
      [
        [[query('create temp table plan (a int); insert into plan values (1)')]],
        [[parse('select * from plan', 'cached'), bind({ statement: 'cached' }), execute(), sync]],
        [[query('alter table plan add b text')]],
        [[bind({ statement: 'cached' }), execute(), sync]],
      ],
      /^CCZ12DCZCZEZ$/,
    )

    // 34
    alike(
      '[34] passes statement and lock timeouts',
      [
        [[query(`set statement_timeout = '30ms'`)]],
        [[query('select pg_sleep(5)')]],
        [[extended('select pg_sleep(5)'), sync]],
        [[query('reset statement_timeout; select 1')]],
      ],
      /^CZTEZ12TEZCTDCZ$/,
    )

    alike(
      '[9] carries LATIN1 and SJIS, in queries, parameters and errors',
      [
        [[query(Buffer.from('select \'\xe9\' as "\xe8"', 'latin1').toString('latin1'))]],
        [
          [
            Buffer.concat([
              parse('select $1::text'),
              bind({ values: [Buffer.from('\xe9\xe8', 'latin1')] }),
              execute(),
              sync,
            ]),
          ],
        ],
        [[message('Q', Buffer.from('select "caf\xe9"\0', 'latin1'))]],
        [[query("set client_encoding = 'SJIS'")]],
        [
          [
            message(
              'Q',
              Buffer.from([...Buffer.from("select '"), 0x83, 0x5c, ...Buffer.from("' as x\0")]),
            ),
          ],
        ],
        [
          [
            message(
              'Q',
              Buffer.from([...Buffer.from('select "'), 0x83, 0x5c, ...Buffer.from('"\0')]),
            ),
          ],
        ],
        [[query("select 'é'")]],
      ],
      /^TDCZ12DCZEZSCZTDCZEZ(E|TDC)Z$|^TDCZ12DCZEZCSZTDCZEZ(E|TDC)Z$/,
      { parameters: [['client_encoding', 'LATIN1']] },
    )

    alike(
      '[21] carries large objects by SQL and by FunctionCall',
      [
        [[query('begin; select lo_create(777001)')]],
        [[query(`select lo_put(777001, 0, '\\x0102ff')`)]],
        [[query('select lo_get(777001), lo_open(777001, 262144)')]],
        // loread(0, 2) with binary arguments, as libpq calls it
        [[message('F', int32(954), int16(1, 1, 2), int32(4, 0), int32(4, 2), int16(1))]],
        [[query('select lo_unlink(777001); commit')]],
      ],
      /^CTDCZTDCZTDCZVZTDCCZ$/,
    )
  })
}
