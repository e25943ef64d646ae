import assert from 'node:assert/strict'
import { serialize } from 'pg-protocol'
import { namesBehind } from '../../../proxy/pairing/named-in-sql.ts'
import { dataSourceCluster } from '../../support/clusters.ts'
import { RecordedConnection } from '../../support/recorded-connection.ts'

const { bind, execute, parse, query, sync } = serialize

function named(text: string): string[] | undefined {
  return namesBehind('deallocate', { text, cut: null, redacted: false })
}

describe('proxy/pairing, names that SQL forgets', () => {
  for (const [sql, ...names] of [
    ['deallocate s', 's'],
    ['DEALLOCATE _PG3_12', '_pg3_12'],
    ['deallocate prepare "S ""1"""', 'prepare', 'S "1"'],
    ['deallocate prepare', 'prepare'],
    ['deallocate /* a */ -- b\n s; select "t"; deallocate t', 's', 't'],
    ["select 'deallocate x'; deallocate ÄÖ", 'ÄÖ'],
    ['deallocate U&"\\0073!"', 's!'],
    [`deallocate U&"d!0061ta" uescape '!'`, 'data'],
  ] as const) {
    it(`are those that it names: ${sql}`, () => {
      assert.deepEqual(named(sql)?.slice(0, names.length), names)
    })
  }

  it('are all where the text does not show them', () => {
    assert.equal(named('undecodable Query message of 12 bytes'), undefined)
    const cut = { bytes: 100_000, sha256: null }
    const text = 'deallocate s; select 1'
    assert.equal(namesBehind('deallocate', { text, cut, redacted: false }), undefined)
  })

  it('count in whichever way the connection reads backslashes', () => {
    assert.deepEqual(named("select 'a\\'; deallocate s -- '"), ['s'])
    assert.deepEqual(named("select 'a\\'' ; deallocate s"), ['s'])
  })

  it('leave every other name its text, and the unnamed statement too', async () => {
    const connection = await RecordedConnection.open((await dataSourceCluster()).superuserUrl())
    await connection.ask(
      'Z',
      ...['_pg3_1', '_pg3_12', '', 'p'].map((name) => parse({ name, text: `select '${name}'` })),
      ...[parse({ name: 'd', text: 'deallocate _pg3_12' }), bind({ statement: 'd' }), execute({})],
      sync(),
    )
    await connection.ask('Z', query('begin; declare p cursor for table pg_class'))
    const runs = ['_pg3_1', 'p', '_pg3_12']
    await connection.ask(
      'Z',
      bind({ portal: 'pp', statement: 'p' }),
      parse({ name: 'c', text: 'close p' }),
      ...[bind({ statement: 'c' }), execute({}), execute({ portal: 'pp' })],
      ...runs.flatMap((statement) => [bind({ statement }), execute({})]),
      sync(),
    )
    connection.close()

    assert.deepEqual(
      connection.finished.slice(3).map(({ text, outcome }) => [text, outcome]),
      [
        ['close p', 'ok'],
        [`select 'p'`, 'ok'],
        [`select '_pg3_1'`, 'ok'],
        [`select 'p'`, 'ok'],
        ['SQL prepared statement _pg3_12', 'error'],
      ],
    )
  })
})
