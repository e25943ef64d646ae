import assert from 'node:assert/strict'
import pg from 'pg'
import postgres from 'postgres'
import QueryStream from 'pg-query-stream'
import { clientOf, failureOf } from '../support/granted.ts'
import { assertRecorded, ThroughProxy } from './through-proxy.ts'

describe('drivers of Node through the proxy', () => {
  let proxy: ThroughProxy

  before(async () => {
    proxy = await ThroughProxy.start()
  })

  after(() => proxy.close())

  it('node-postgres: a pool, values, a named statement, a stream, an error', async () => {
    const granted = await proxy.world.grant()
    const { port } = proxy
    const pool = new pg.Pool({
      host: '127.0.0.1',
      port,
      user: granted.username,
      password: granted.secret,
      database: proxy.world.database,
      max: 3,
    })
    try {
      const added = Array.from({ length: 20 }, (_, n) =>
        pool.query({
          name: 'add',
          text: 'insert into goods (name) values ($1) returning id',
          values: [`part ${n}`],
        }),
      )
      assert.equal((await Promise.all(added)).filter(({ rowCount }) => rowCount === 1).length, 20)
      const { rows } = await pool.query({
        text: 'select $1::int as a, $2::jsonb as b',
        values: [7, { x: [1] }],
        rowMode: 'array',
      })
      assert.deepEqual(rows, [[7, { x: [1] }]])
      const client = await pool.connect()
      const streamed: unknown[] = []
      const stream = client.query(
        new QueryStream('select n from generate_series(1, $1) n', [25], { batchSize: 10 }),
      )
      for await (const row of stream) streamed.push(row)
      client.release()
      assert.equal(streamed.length, 25)
      assert.equal((await failureOf(pool.query('select 1 / $1::int', [0]))).code, '22012')
    } finally {
      await pool.end()
    }
    const recording = await proxy.recorded(granted, ({ sqlstate }) => sqlstate === '22012')
    const named = recording.filter(({ statementName }) => statementName === 'add')
    assert.deepEqual(
      named.map(({ values }) => String(values[0])).toSorted(),
      Array.from({ length: 20 }, (_, n) => `part ${n}`).toSorted(),
    )
    assertRecorded(recording, 'select $1::int as a, $2::jsonb as b', {
      values: ['7', '{"x":[1]}'],
      tag: 'SELECT 1',
    })
    assertRecorded(recording, 'select n from generate_series(1, $1) n', {
      values: ['25'],
      rows: 25,
    })
    assertRecorded(recording, 'select 1 / $1::int', { values: ['0'], outcome: 'error' })
  })

  it('node-postgres: hears a notification while idle', async () => {
    const granted = await proxy.world.grant()
    const client = clientOf(proxy.port, granted, { database: proxy.world.database })
    await client.connect()
    try {
      await client.query('listen door')
      const heard = new Promise((resolve) => client.once('notification', resolve))
      await proxy.world.onShop(`notify door, 'knock'`)
      const { payload } = (await heard) as pg.Notification
      assert.equal(payload, 'knock')
    } finally {
      await client.end()
    }
  })

  it('porsager/postgres: pipelined, prepared, copied, by cursor, cancelled', async () => {
    const granted = await proxy.world.grant()
    const sql = postgres({
      host: '127.0.0.1',
      port: proxy.port,
      user: granted.username,
      password: granted.secret,
      database: proxy.world.database,
      max: 2,
      onnotice: () => undefined,
    })
    try {
      const all = await Promise.all(
        Array.from({ length: 30 }, (_, n) => sql<{ n: number }[]>`select ${n}::int as n`),
      )
      assert.deepEqual(
        all.map(([row]) => row?.n),
        Array.from({ length: 30 }, (_, n) => n),
      )
      await sql.begin(async (tx) => {
        await tx`insert into goods ${tx([{ name: 'a' }, { name: 'b' }], 'name')}`
        const batches: number[] = []
        await tx`select generate_series(1, 25) as n`.cursor(10, (rows) => {
          batches.push(rows.length)
        })
        assert.deepEqual(batches, [10, 10, 5])
      })
      const writable = await sql`copy goods (name) from stdin`.writable()
      await new Promise<void>((resolve, reject) => {
        writable.on('error', reject).on('finish', resolve)
        writable.end('from a stream\nand one more\n')
      })
      const slow = sql`select pg_sleep(20)`.execute()
      setTimeout(() => slow.cancel(), 200)
      await assert.rejects(slow, { code: '57014' })
      assert.deepEqual([...(await sql`select 'last' as word`.simple())], [{ word: 'last' }])
    } finally {
      await sql.end()
    }
    const recording = await proxy.recorded(granted, ({ text }) => text.includes(`'last'`))
    const numbers = recording.filter(({ text }) => text === 'select $1::int as n')
    assert.equal(numbers.length, 30)
    assertRecorded(recording, 'select $1::int as n', { values: ['29'], tag: 'SELECT 1' })
    assertRecorded(recording, /^insert into goods/, { values: ['a', 'b'], tag: 'INSERT 0 2' })
    assertRecorded(recording, 'select generate_series(1, 25) as n', { rows: 25, outcome: 'ok' })
    assertRecorded(recording, 'copy goods (name) from stdin', {
      kind: 'copy in',
      tag: 'COPY 2',
      bytes: 27,
    })
    assertRecorded(recording, 'select pg_sleep(20)', { sqlstate: '57014' })
  })
})
