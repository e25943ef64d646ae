import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { serialize } from 'pg-protocol'
import type { FinishedStatement } from '../../../proxy/pairing/record.ts'
import { dataSourceCluster } from '../../support/clusters.ts'
import { RecordedConnection } from '../../support/recorded-connection.ts'
import { functionCall, message } from '../../support/wire-messages.ts'

const { bind, close, copyData, copyDone, copyFail, describe: describing, execute } = serialize
const { flush, parse, query, sync } = serialize

/** The pairing of WIRE against a real server: each row of its table, and the traps around them. */
describe('proxy/pairing', function () {
  // some are about time: a machine that does other things too may spoil a try
  this.retries(2)

  let connection: RecordedConnection

  beforeEach(async () => {
    const cluster = await dataSourceCluster()
    connection = await RecordedConnection.open(cluster.superuserUrl())
  })

  afterEach(() => connection.close())

  /** What the record says of each, in the order in which they ended. */
  const outcomes = () =>
    connection.finished.map(({ text, outcome, tag }) => [text, outcome, tag] as const)

  const only = (): FinishedStatement => {
    const [statement, ...more] = connection.finished
    assert.ok(statement)
    assert.equal(more.length, 0)
    return statement
  }

  it('begins a record before the answer and ends it with tag, rows, bytes and state', async () => {
    connection.send(query('select * from generate_series(1, 3)'))
    assert.equal(connection.started.length, 1)
    assert.equal(connection.finished.length, 0)
    await connection.ask('Z')

    const statement = only()
    assert.equal(statement.kind, 'simple')
    assert.equal(statement.tag, 'SELECT 3')
    assert.equal(statement.rows, 3)
    assert.equal(statement.bytes, 3 * 7)
    assert.equal(statement.transaction, 'I')
    assert.equal(statement.outcome, 'ok')
    assert.equal(statement.sqlstate, null)
    assert.ok(statement.milliseconds > 0)
  })

  it('knows the state after each: in a transaction, failed, idle', async () => {
    await connection.ask('Z', query('begin'))
    await connection.ask('Z', query('select 1/0'))
    await connection.ask('Z', query('rollback'))

    assert.deepEqual(
      connection.finished.map(({ transaction }) => transaction),
      ['T', 'E', 'I'],
    )
    assert.equal(connection.finished.at(1)?.sqlstate, '22012')
    assert.equal(connection.finished.at(1)?.message, 'division by zero')
  })

  it('makes a record for every statement of a Query, with the whole text and its place', async () => {
    await connection.ask('Z', query('select 1; select 2 where false; select 3'))

    assert.deepEqual(
      connection.finished.map(({ number, part, partOf, tag }) => [number, part, partOf, tag]),
      [
        [1, 1, 1, 'SELECT 1'],
        [2, 2, 1, 'SELECT 0'],
        [3, 3, 1, 'SELECT 1'],
      ],
    )
    assert.equal(new Set(connection.finished.map(({ text }) => text)).size, 1)
    assert.equal(connection.started.length, 3)
  })

  it('says that an error took back what the same Query had done', async () => {
    await connection.ask('Z', query('create table taken_back (a int); select 1/0; select 2'))

    const [create, failed, ...more] = connection.finished
    assert.equal(create?.outcome, 'ok')
    assert.equal(create.rolledBack, true)
    assert.equal(failed?.outcome, 'error')
    assert.equal(more.length, 0)
  })

  it('does not say so of what was committed before the error', async () => {
    await connection.ask('Z', query('begin; select 1; commit; select 2; select 1/0'))

    assert.deepEqual(
      connection.finished.map(({ rolledBack }) => rolledBack),
      [false, false, false, true, false],
    )
  })

  it('records an empty Query', async () => {
    await connection.ask('Z', query(' -- nothing'))

    assert.deepEqual(outcomes(), [[' -- nothing', 'ok', null]])
  })

  it('joins Parse, Bind and Execute', async () => {
    await connection.ask(
      'Z',
      parse({ name: 'named', text: 'select $1::int + $2::int', types: [] }),
      bind({ portal: 'p', statement: 'named', values: ['1', '2'] }),
      execute({ portal: 'p' }),
      sync(),
    )

    const statement = only()
    assert.equal(statement.text, 'select $1::int + $2::int')
    assert.deepEqual(statement.values, ['1', '2'])
    assert.equal(statement.kind, 'extended')
    assert.equal(statement.statementName, 'named')
    assert.equal(statement.portalName, 'p')
    assert.equal(statement.rows, 1)
  })

  it('keeps NULL apart from the empty text', async () => {
    await connection.ask(
      'Z',
      parse({ text: 'select $1::text, $2::text' }),
      bind({ values: [null, ''] }),
      execute(),
      sync(),
    )

    assert.deepEqual(only().values, [null, ''])
  })

  it('reads binary values once Describe has told their types', async () => {
    const five = Buffer.from([0, 0, 0, 5])
    await connection.ask(
      'Z',
      parse({ text: 'select $1::int' }),
      describing({ type: 'S' }),
      bind({ values: [five] }),
      execute(),
      sync(),
    )

    assert.deepEqual(connection.started[0]?.values, ['\\x00000005 (oid 0)'])
    assert.deepEqual(only().values, ['5'])
  })

  it('keeps pipelined executions apart', async () => {
    const one = (value: string) => [bind({ statement: 's', values: [value] }), execute()]
    await connection.ask(
      'Z',
      parse({ name: 's', text: 'select $1::text' }),
      ...one('a'),
      ...one('b'),
      ...one('c'),
      sync(),
    )

    assert.deepEqual(
      connection.finished.map(({ values, outcome }) => [values[0], outcome]),
      [
        ['a', 'ok'],
        ['b', 'ok'],
        ['c', 'ok'],
      ],
    )
  })

  it('follows the unnamed statement from one Parse to the next', async () => {
    await connection.ask(
      'Z',
      ...[parse({ text: 'select 1' }), bind(), execute()],
      ...[parse({ text: 'select 2' }), bind(), execute(), sync()],
    )

    assert.deepEqual(outcomes(), [
      ['select 1', 'ok', 'SELECT 1'],
      ['select 2', 'ok', 'SELECT 1'],
    ])
  })

  it('gives the error of a Parse to the Execute it was for, and marks the rest skipped', async () => {
    await connection.ask(
      'Z',
      ...[parse({ text: 'selec 1' }), bind(), execute()],
      ...[parse({ text: 'select 2' }), bind(), execute(), sync()],
    )

    assert.deepEqual(outcomes(), [
      ['selec 1', 'error', null],
      ['select 2', 'skipped', null],
    ])
    assert.equal(connection.finished[0]?.sqlstate, '42601')
  })

  it('records a failed Parse that nobody executes', async () => {
    await connection.ask('Z', parse({ text: 'selec 1' }), describing({ type: 'S' }), sync())

    assert.deepEqual(outcomes(), [['selec 1', 'error', null]])
  })

  it('skips what arrives after the error, also a Query, up to the Sync', async () => {
    await connection.ask('E', parse({ text: 'selec 1' }), flush())
    connection.send(query('select 2'), functionCall(1598))
    await connection.ask('Z', bind(), execute(), sync())
    await connection.ask('Z', query('select 3'))

    assert.deepEqual(
      connection.finished.map(({ kind, outcome }) => [kind, outcome]),
      [
        ['extended', 'error'],
        ['simple', 'skipped'],
        ['function call', 'skipped'],
        ['extended', 'skipped'],
        ['simple', 'ok'],
      ],
    )
  })

  it('goes on after the Sync when the error was in the middle of a pipeline', async () => {
    await connection
      .ask(
        'EZ12DCZ',
        ...[parse({ text: 'select 1/0' }), bind(), describing({ type: 'P' }), execute(), sync()],
        ...[parse({ text: 'select 2' }), bind(), execute(), sync()],
      )
      .catch(() => undefined)

    assert.deepEqual(outcomes(), [
      ['select 1/0', 'error', null],
      ['select 2', 'ok', 'SELECT 1'],
    ])
  })

  it('takes back a name that was planned on a Parse that failed', async () => {
    await connection.ask('Z', parse({ name: 'a', text: 'select 1' }), sync())
    await connection.ask(
      'Z2DCZ',
      ...[parse({ name: 'a', text: 'select 99' }), sync()],
      ...[bind({ statement: 'a' }), execute(), sync()],
    )

    const last = connection.finished.at(-1)
    assert.equal(connection.started.at(-1)?.text, 'select 99')
    assert.equal(last?.text, 'select 1')
    assert.equal(last.outcome, 'ok')
  })

  it('goes on with a suspended portal in the same record, over Syncs', async () => {
    await connection.ask('Z', query('begin'))
    const portal = 'cursor'
    await connection.ask(
      'Z',
      parse({ text: 'select * from generate_series(1, 5)' }),
      bind({ portal }),
      execute({ portal, rows: 2 }),
      sync(),
    )
    await connection.ask('Z', execute({ portal, rows: 2 }), execute({ portal, rows: 2 }), sync())
    await connection.ask('Z', query('commit'))

    const [, fetched, ...rest] = connection.finished
    assert.equal(fetched?.rows, 5)
    assert.equal(fetched.tag, 'SELECT 1')
    assert.equal(rest.length, 1)
    assert.equal(connection.started.length, 3)
  })

  it('counts the rows of a suspended INSERT RETURNING though its tag says 1', async () => {
    await connection.ask('Z', query('begin; create temp table t (a int)'))
    await connection.ask(
      'Z',
      parse({ text: 'insert into t values (1), (2), (3) returning a' }),
      bind({ portal: 'p' }),
      ...[1, 1, 1, 1].map((rows) => execute({ portal: 'p', rows })),
      sync(),
    )

    assert.equal(connection.finished.at(-1)?.rows, 3)
  })

  it('ends the record of a suspended portal when it is closed or its transaction ends', async () => {
    for (const end of [[close({ type: 'P', name: 'p' }), sync()], [sync()], [query('commit')]]) {
      const before = connection.finished.length
      await connection.ask(
        's',
        parse({ text: 'select generate_series(1, 9)' }),
        bind({ portal: 'p' }),
        execute({ portal: 'p', rows: 4 }),
        flush(),
      )
      await connection.ask('Z', ...end)

      const ended = connection.finished.slice(before).find(({ kind }) => kind === 'extended')
      assert.deepEqual([ended?.outcome, ended?.rows, ended?.tag], ['ok', 4, null])
    }
  })

  it('forgets portals at the end of a transaction and keeps statements', async () => {
    await connection.ask(
      'Z',
      parse({ name: 's', text: 'select 1' }),
      bind({ portal: 'p', statement: 's' }),
      sync(),
    )
    await connection.ask('Z', execute({ portal: 'p' }), sync())
    await connection.ask('Z', bind({ statement: 's' }), execute(), sync())

    assert.deepEqual(outcomes(), [
      // bound and dropped: planning it may have run functions
      ['select 1', 'unknown', null],
      ['SQL cursor p', 'error', null],
      ['select 1', 'ok', 'SELECT 1'],
    ])
  })

  it('drops the unnamed statement with every simple Query', async () => {
    await connection.ask('Z', parse({ text: 'select 1' }), sync())
    await connection.ask('Z', query('select 2'))
    await connection.ask('Z', bind(), execute(), sync())

    assert.equal(connection.finished.at(-1)?.text, 'SQL prepared statement ')
    assert.equal(connection.finished.at(-1)?.sqlstate, '26000')
  })

  it('records cursors and statements of SQL by their names', async () => {
    await connection.ask('Z', query('begin; declare c cursor for select 1; prepare s as select 2'))
    await connection.ask('Z', execute({ portal: 'c' }), bind({ statement: 's' }), execute(), sync())

    assert.deepEqual(outcomes().slice(3), [
      ['SQL cursor c', 'ok', 'SELECT 1'],
      ['SQL prepared statement s', 'ok', 'SELECT 1'],
    ])
  })

  it('does not show a text that was deallocated and prepared anew from SQL', async () => {
    await connection.ask('Z', parse({ name: 's', text: 'select 1' }), sync())
    await connection.ask('Z', query('deallocate s; prepare s as select 2'))
    await connection.ask('Z', bind({ statement: 's' }), execute(), sync())
    await connection.ask('Z', query('discard all'))

    assert.equal(connection.finished[2]?.text, 'SQL prepared statement s')
    assert.equal(connection.finished[2].outcome, 'ok')
  })

  it('tells names apart by 63 bytes, as PostgreSQL does', async () => {
    const name = 'n'.repeat(63)
    await connection.ask('Z', message('P', `${name}a\0select 1\0`, Buffer.alloc(2)), sync())
    await connection.ask('Z', bind({ statement: `${name}b` }), execute(), sync())

    assert.deepEqual(outcomes(), [['select 1', 'ok', 'SELECT 1']])
  })

  it('records a function call', async () => {
    const abs = 1397
    await connection.ask('Z', functionCall(abs, '-7'))

    const statement = only()
    assert.equal(statement.kind, 'function call')
    assert.equal(statement.text, `function call oid ${abs}`)
    assert.deepEqual(statement.values, ['-7'])
    assert.equal(statement.rows, 1)
  })

  it('records COPY in with its bytes and digest, however the data is cut', async () => {
    await connection.ask('Z', query('create temp table t (a int)'))
    await connection.ask('G', query('copy t from stdin'))
    connection.send(copyData(Buffer.from('1\n2')), copyData(Buffer.from('\n3\n')))
    await connection.ask('Z', copyDone())

    const copy = connection.finished.at(-1)
    assert.equal(copy?.kind, 'copy in')
    assert.equal(copy.rows, 3)
    assert.equal(copy.bytes, 6)
    assert.equal(copy.digest, createHash('sha256').update('1\n2\n3\n').digest('hex'))
  })

  it('records COPY in whose data is sent before the server asks, twice in one Query', async () => {
    await connection.ask('Z', query('create temp table t (a int)'))
    const data = [
      copyData(Buffer.from('1\n')),
      copyDone(),
      copyData(Buffer.from('2\n3\n')),
      copyDone(),
    ]
    await connection.ask('Z', query('copy t from stdin; copy t from stdin'), ...data)
    await connection.ask('Z', query('select 1'))

    assert.deepEqual(
      connection.finished.slice(1).map(({ kind, bytes, rows }) => [kind, bytes, rows]),
      [
        ['copy in', 2, 1],
        ['copy in', 4, 2],
        ['simple', 7, 1],
      ],
    )
  })

  it('ignores a Sync sent before the data of a COPY, as the server does', async () => {
    await connection.ask('Z', query('create temp table t (a int)'))
    await connection.ask('G', parse({ text: 'copy t from stdin' }), bind(), execute(), sync())
    await connection.ask('Z', copyData(Buffer.from('1\n')), copyDone(), sync())
    await connection.ask('Z', query('select 1'))

    assert.deepEqual(
      connection.finished.slice(1).map(({ kind, outcome, tag }) => [kind, outcome, tag]),
      [
        ['copy in', 'ok', 'COPY 1'],
        ['simple', 'ok', 'SELECT 1'],
      ],
    )
    assert.equal(connection.tracker.pending, 0)
  })

  it('records a COPY that the client gives up, and one that the server refuses', async () => {
    await connection.ask('Z', query('create temp table t (a int)'))
    await connection.ask('G', query('copy t from stdin'))
    await connection.ask('Z', copyFail('no more'))
    await connection.ask('G', query('copy t from stdin'))
    await connection.ask('Z', copyData(Buffer.from('x\n')), copyDone())
    await connection.ask('Z', query('select 1'))

    assert.deepEqual(
      connection.finished.slice(1).map(({ outcome, sqlstate }) => [outcome, sqlstate]),
      [
        ['error', '57014'],
        ['error', '22P02'],
        ['ok', null],
      ],
    )
  })

  it('records COPY out with its bytes and digest', async () => {
    await connection.ask('Z', query('copy (select generate_series(1, 20000)) to stdout'))

    const lines = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('')
    const copy = only()
    assert.equal(copy.kind, 'copy out')
    assert.equal(copy.rows, 20_000)
    assert.equal(copy.bytes, lines.length)
    assert.equal(copy.digest, createHash('sha256').update(lines).digest('hex'))
  })

  it('lets a commit that fails outrank the tag before it', async () => {
    await connection.ask(
      'Z',
      query('create temp table d (a int unique deferrable initially deferred)'),
    )
    await connection.ask(
      'Z',
      parse({ text: 'insert into d values (1), (1)' }),
      bind(),
      execute(),
      sync(),
    )

    const insert = connection.finished.at(-1)
    assert.equal(insert?.outcome, 'error')
    assert.equal(insert.sqlstate, '23505')
    assert.equal(insert.tag, 'INSERT 0 2')
  })

  it('keeps its place through notices, settings and notifications', async () => {
    await connection.ask(
      'Z',
      query(
        'listen x; notify x; set application_name = $$y$$; do $$ begin raise notice $n$z$n$; end $$',
      ),
    )
    await connection.ask('Z', parse({ text: 'select 1' }), bind(), execute(), sync())

    assert.equal(connection.finished.length, 5)
    assert.equal(connection.finished.at(-1)?.tag, 'SELECT 1')
    assert.equal(connection.tracker.pending, 0)
  })

  it('reads text in the client_encoding that the server reports', async () => {
    await connection.ask('Z', query("set client_encoding = 'SJIS'"))
    await connection.ask('Z', message('Q', "select '", Buffer.from([0x83, 0x5c]), "'\0"))

    assert.equal(connection.finished.at(-1)?.text, "select '\u30bd'")
    assert.equal(connection.finished.at(-1)?.outcome, 'ok')
  })

  it('records what nobody can read as undecodable, and stays with the server', async () => {
    await connection.ask('Z', message('P', 'no end'), sync())
    await connection.ask('Z', parse({ name: 's', text: 'select $1::int' }), sync())
    await connection.ask(
      'Z',
      message('B', '\0s\0', Buffer.from([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf0])),
      execute(),
      sync(),
    )
    await connection.ask('Z', query('select 1'))

    assert.deepEqual(
      connection.finished.map(({ text, outcome }) => [text, outcome]),
      [
        ['undecodable Parse message of 6 bytes', 'error'],
        ['undecodable Bind message of 11 bytes', 'error'],
        ['select 1', 'ok'],
      ],
    )
  })

  it('keeps the beginning, the length and the digest of a text that is too long', async () => {
    const text = `select length('${'x'.repeat(200_000)}')`
    const sha256 = createHash('sha256').update(text).digest('hex')
    await connection.ask('Z', query(text))
    await connection.ask('Z', parse({ text }), bind(), execute(), sync())

    for (const statement of connection.finished) {
      assert.equal(statement.text, text.slice(0, 64 * 1024))
      assert.deepEqual(statement.cut, { bytes: text.length, sha256 })
      assert.equal(statement.outcome, 'ok')
    }
    assert.equal(connection.finished.length, 2)
  })

  it('keeps the beginning, the length and the digest of a value that is too long', async () => {
    const value = 'y'.repeat(300_000)
    await connection.ask(
      'Z',
      parse({ text: 'select $1::text, $2::int, $3::text' }),
      bind({ values: [value, '7', null] }),
      execute(),
      sync(),
    )

    const sha256 = createHash('sha256').update(value).digest('hex')
    const { values, outcome } = only()
    assert.deepEqual(values, [
      { text: value.slice(0, 64 * 1024), bytes: 300_000, sha256 },
      '7',
      null,
    ])
    assert.equal(outcome, 'ok')
  })

  it('never shows a password, not even in the error that quotes it', async () => {
    await connection.ask('Z', query("create role nobody password 'hunter2' 'hunter2'"))
    await connection.ask(
      'Z',
      parse({ text: "alter role nobody password 'hunter2'" }),
      bind(),
      execute(),
      sync(),
    )

    assert.doesNotMatch(JSON.stringify([connection.started, connection.finished]), /hunter2/)
    assert.equal(connection.finished[0]?.message, 'syntax error')
  })

  it('ends what is open when the connection ends', async () => {
    await connection.ask(
      's',
      parse({ text: 'select generate_series(1, 9)' }),
      bind(),
      execute({ rows: 2 }),
      flush(),
    )
    connection.send(query('select pg_sleep(60)'))
    connection.tracker.end()

    assert.deepEqual(outcomes(), [
      ['select pg_sleep(60)', 'aborted', null],
      // it ran in part, and its batch had no end
      ['select generate_series(1, 9)', 'unknown', null],
    ])
    assert.equal(connection.finished[0]?.transaction, null)
  })

  it('gives a fatal error to what was running', async () => {
    await connection.ask(
      'E',
      parse({ text: 'select pg_terminate_backend(pg_backend_pid())' }),
      bind(),
      execute(),
      bind(),
      execute(),
      sync(),
    )
    connection.tracker.end()

    assert.deepEqual(
      connection.finished.map(({ outcome, sqlstate }) => [outcome, sqlstate]),
      [
        ['error', '57P01'],
        ['aborted', null],
      ],
    )
  })

  it('measures a pipelined statement from when the server could begin it', async () => {
    const sleep = (seconds: number) => [
      parse({ text: `select pg_sleep(${seconds})` }),
      bind(),
      execute(),
      flush(),
    ]
    await connection.ask('Z', ...sleep(0.2), ...sleep(0.1), sync())

    const [first, second] = connection.finished
    assert.ok(first && first.milliseconds >= 190, String(first?.milliseconds))
    assert.ok(
      second && second.milliseconds >= 90 && second.milliseconds < 190,
      String(second?.milliseconds),
    )
  })
})
