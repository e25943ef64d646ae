import assert from 'node:assert/strict'
import { runProgram, assertRecorded, ThroughProxy } from './through-proxy.ts'

/** Debian's own, which its packages of drivers are made for. */
const PYTHON = '/usr/bin/python3'
/** Brings libpq 18 with it. */
const NEWEST_PSYCOPG = ['psycopg==3.3.6', 'psycopg-binary==3.3.6']

const PSYCOPG2 = `
import psycopg2, psycopg2.extras, io
con = psycopg2.connect('')
cur = con.cursor()
psycopg2.extras.execute_values(cur, 'insert into goods (name) values %s', [(f'v{n}',) for n in range(250)])
cur.execute('select name from goods where name = %s', ("it's",))
assert cur.fetchall() == []
named = con.cursor('walk')
named.itersize = 40
named.execute('select n from generate_series(1, 100) n')
assert sum(n for (n,) in named) == 5050
con.commit()
cur.copy_expert('copy goods (name) from stdin', io.StringIO('one\\ntwo\\n'))
out = io.StringIO()
cur.copy_expert("copy (select 'x' union all select 'y') to stdout", out)
assert out.getvalue() == 'x\\ny\\n'
try:
    cur.execute('select 1/0')
except psycopg2.errors.DivisionByZero:
    con.rollback()
large = con.lobject(0, 'wb')
large.write(b'z' * 300000)
large.close()
assert len(con.lobject(large.oid, 'rb').read()) == 300000
con.commit()
cur.execute("select 'psycopg2 was here'")
con.close()
`

const PSYCOPG3 = `
import psycopg, datetime, decimal, uuid
with psycopg.connect('', autocommit=True) as con:
    for n in range(12):
        assert con.execute('select %s::int4 + 1', (n,), prepare=True).fetchone() == (n + 1,)
    cur = con.cursor(binary=True)
    values = [42, 'Grüße', b'\\x00\\xff', decimal.Decimal('12.50'), uuid.UUID(int=7), datetime.date(2026, 2, 28), [1, 2], None]
    row = cur.execute('select %b::int8, %b::text, %b::bytea, %b::numeric, %b::uuid, %b::date, %b::int4[], %b::text', values).fetchone()
    assert list(row) == values, row
    with con.pipeline():
        results = [con.execute('select %s::text', (f'p{n}',)) for n in range(30)]
        assert [r.fetchone()[0] for r in results] == [f'p{n}' for n in range(30)]
    try:
        with con.pipeline():
            con.execute('select 1')
            con.execute('select 1 / %s::int', (0,))
            con.execute("select 'skipped'")
    except psycopg.errors.DivisionByZero:
        pass
    with con.cursor().copy('copy goods (name) from stdin (format binary)') as copy:
        copy.set_types(['text'])
        for n in range(10):
            copy.write_row((f'b{n}',))
    with con.transaction():
        with con.cursor('server') as walk:
            walk.execute('select n from generate_series(1, 55) n')
            walk.itersize = 20
            assert len(list(walk)) == 55
    con.execute("select 'psycopg 3 was here'")
`

const LIBPQ18 = `
import psycopg
from psycopg import pq
assert pq.version() >= 180000, pq.version()
with psycopg.connect('min_protocol_version=3.2 max_protocol_version=3.2', autocommit=True) as con:
    assert con.pgconn.full_protocol_version == 30002, con.pgconn.full_protocol_version
    import threading
    threading.Timer(0.4, con.cancel_safe).start()
    try:
        con.execute('select pg_sleep(20)')
        raise SystemExit('it was not cancelled')
    except psycopg.errors.QueryCanceled:
        pass
    assert con.execute('select %s::int', (32,)).fetchone() == (32,)
    with con.pipeline():
        assert [r.fetchone()[0] for r in [con.execute('select %s::text', (f'p{n}',)) for n in range(5)]] == ['p0', 'p1', 'p2', 'p3', 'p4']
with psycopg.connect('max_protocol_version=latest') as con:
    con.execute("select 'libpq 18 was here'")
`

const ODBC = `
import pyodbc, os
e = os.environ
con = pyodbc.connect(f"Driver={{PostgreSQL Unicode}};Server={e['PGHOST']};Port={e['PGPORT']};Database={e['PGDATABASE']};Uid={e['PGUSER']};Pwd={e['PGPASSWORD']};UseServerSidePrepare=1", autocommit=False)
cur = con.cursor()
for n in range(5):
    cur.execute('insert into goods (name) values (?)', f'odbc {n}')
con.commit()
assert cur.execute('select count(*) from goods where name like ?', 'odbc %').fetchone()[0] == 5
assert [t.table_name for t in cur.tables(table='goods')] == ['goods']
try:
    cur.execute('select 1/0')
    cur.fetchall()
    raise SystemExit('it did not fail')
except pyodbc.Error as error:
    assert error.args[0] == '22012', error
con.rollback()
cur.execute("select 'ODBC was here'").fetchall()
con.close()
`

describe('drivers of Python and ODBC through the proxy', () => {
  let proxy: ThroughProxy

  before(async () => {
    proxy = await ThroughProxy.start()
  })

  after(() => proxy.close())

  it('psycopg2: values in the text, cursors, COPY, large objects', async () => {
    const recording = await recordingOf('with-psycopg2.py', PSYCOPG2, "select 'psycopg2 was here'")
    assertRecorded(recording, /^insert into goods/, { tag: 'INSERT 0 100', values: [] })
    assertRecorded(recording, `select name from goods where name = 'it''s'`, { tag: 'SELECT 0' })
    assertRecorded(recording, 'copy goods (name) from stdin', { kind: 'copy in', bytes: 8 })
    assertRecorded(recording, 'select 1/0', { sqlstate: '22012' })
    assert.ok(recording.some(({ kind }) => kind === 'function call'))
  })

  it('psycopg 3: values in text and binary, prepared, pipelined, binary COPY', async () => {
    const recording = await recordingOf('with-psycopg3.py', PSYCOPG3, "select 'psycopg 3 was here'")
    assert.equal(recording.filter(({ text }) => text === 'select $1::int4 + 1').length, 12)
    assertRecorded(recording, /^select \$1::int8/, {
      values: [
        '42',
        'Grüße',
        '\\x00ff',
        '12.50',
        '00000000-0000-0000-0000-000000000007',
        '2026-02-28',
        '{1,2}',
        null,
      ],
    })
    assert.equal(
      recording.filter(({ text, outcome }) => text === 'select $1::text' && outcome === 'ok')
        .length,
      30,
    )
    assertRecorded(recording, 'select 1 / $1::int', { sqlstate: '22012', values: ['0'] })
    assertRecorded(recording, "select 'skipped'", { outcome: 'skipped' })
    assertRecorded(recording, /^copy goods/, { kind: 'copy in', tag: 'COPY 10' })
  })

  it('libpq 18: protocol 3.2, a cancel with its long key, pipelines', async () => {
    const target = `${proxy.folder}/newest`
    const installed = await runProgram({
      command: PYTHON,
      args: [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-cache-dir',
        '--disable-pip-version-check',
        '--target',
        target,
        ...NEWEST_PSYCOPG,
      ],
    })
    assert.equal(installed.code, 0, installed.stderr)
    const recording = await recordingOf('with-libpq18.py', LIBPQ18, "select 'libpq 18 was here'", {
      PYTHONPATH: target,
    })
    assertRecorded(recording, 'select pg_sleep(20)', { sqlstate: '57014' })
    assertRecorded(recording, 'select $1::int', { values: ['32'], tag: 'SELECT 1' })
  })

  it("ODBC: prepared on the server, the catalog, an error's SQLSTATE", async () => {
    const recording = await recordingOf('with-odbc.py', ODBC, "select 'ODBC was here'")
    const added = recording.filter(({ text }) => text.startsWith('insert into goods'))
    assert.deepEqual(
      added.map(({ values }) => values),
      [0, 1, 2, 3, 4].map((n) => [`odbc ${n}`]),
    )
    assertRecorded(recording, /select 1\/0/, { sqlstate: '22012' })
  })

  async function recordingOf(
    name: string,
    program: string,
    last: string,
    environment: Readonly<Record<string, string>> = {},
  ): ReturnType<ThroughProxy['recorded']> {
    const granted = await proxy.world.grant()
    await proxy.output(granted, {
      command: PYTHON,
      args: [await proxy.source(name, program)],
      environment,
    })
    return proxy.recorded(granted, ({ text, tag }) => text.includes(last) && tag !== null)
  }
})
