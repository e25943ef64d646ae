import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { listConnections } from '../../db/connections.ts'
import { rows } from '../../db/store.ts'
import { cancelBackend } from '../../proxy/cancel.ts'
import { clientOf, failureOf, GrantedWorld, OPERATOR, type TestProxy } from '../support/granted.ts'
import { OwnQuery } from '../support/raw-peer.ts'

describe('a connection through the proxy', () => {
  let world: GrantedWorld
  let proxy: TestProxy

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
  })
  after(() => world.close())

  async function connected(more: pg.ClientConfig = {}) {
    const granted = await world.grant()
    const client = clientOf(proxy.port, granted, more)
    await client.connect()
    return { granted, client }
  }

  it('answers and records simple and extended queries, with their bind values', async () => {
    const { granted, client } = await connected()
    const simple = await client.query<{ n: number }>('select 1 as n')
    const extended = await client.query<{ x: string }>('select $1::text || $2::int as x', ['a', 7])
    await client.end()

    assert.equal(simple.rows[0]?.n, 1)
    assert.equal(extended.rows[0]?.x, 'a7')
    const [first, second] = await world.statements(granted.id, 2)
    assert.equal(first?.text, 'select 1 as n')
    assert.equal(first.kind, 'simple')
    assert.equal(first.outcome, 'ok')
    assert.equal(first.tag, 'SELECT 1')
    assert.equal(second?.text, 'select $1::text || $2::int as x')
    assert.equal(second.kind, 'extended')
    assert.deepEqual(second.values, ['a', '7'])
    assert.equal(second.number, 2)
  })

  it('records an error with its SQLSTATE and sentence', async () => {
    const { granted, client } = await connected()
    const failure = await failureOf(client.query('select 1/0'))
    await client.end()

    assert.equal(failure.code, '22012')
    const [statement] = await world.statements(granted.id, 1)
    assert.equal(statement?.outcome, 'error')
    assert.equal(statement.sqlstate, '22012')
    assert.equal(statement.message, 'division by zero')
  })

  it('passes start-up parameters on unchanged, so that RESET returns to them', async () => {
    const { client } = await connected({ options: '-c work_mem=7MB', application_name: 'ledger' })
    await client.query("set work_mem = '9MB'")
    await client.query('reset work_mem')
    const { rows: shown } = await client.query<Record<string, string>>(
      `select current_setting('work_mem') as memory, current_setting('application_name') as name,
              current_database() as database`,
    )
    await client.end()
    assert.deepEqual(shown, [{ memory: '7MB', name: 'ledger', database: world.database }])
  })

  it('gives the backend’s real process id, and a cancel key that ends a running statement', async () => {
    const { granted, client } = await connected()
    const keyOf = client as unknown as { processID: number; secretKey: number }
    const { rows: shown } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    assert.equal(shown[0]?.pid, keyOf.processID)

    const sleeping = failureOf(client.query('select pg_sleep(20)'))
    await world.waitUntilAsleep(keyOf.processID)
    const key = Buffer.alloc(4)
    key.writeInt32BE(keyOf.secretKey)
    const address = {
      host: '127.0.0.1',
      port: proxy.port,
      tlsMode: 'disable',
      tlsCa: null,
    } as const
    const wrong = Buffer.from(key.map((byte) => byte ^ 1))
    await cancelBackend({ address, backend: { pid: keyOf.processID, key: wrong } })
    await sleep(100)
    await world.waitUntilAsleep(keyOf.processID)
    await cancelBackend({ address, backend: { pid: keyOf.processID, key } })

    assert.equal((await sleeping).code, '57014')
    await client.query('select 1')
    await client.end()
    const statements = await world.statements(granted.id, 3)
    assert.deepEqual(
      statements.map(({ outcome }) => outcome),
      ['ok', 'error', 'ok'],
    )
  })

  it('carries COPY both ways as raw bytes and records their length', async () => {
    const { granted, client } = await connected()
    const copyIn = [Buffer.from('1\tapple\t2026-01-01\n2\tpe'), Buffer.from('ar\t2026-01-02\n')]
    const into = client.query(new OwnQuery((c) => c.query('copy goods from stdin'), { copyIn }))
    await into.done
    const out = client.query(new OwnQuery((c) => c.query('copy goods (id, name) to stdout')))
    await out.done
    await client.end()

    assert.deepEqual(into.tags, ['COPY 2'])
    assert.equal(Buffer.concat(out.copied).toString(), '1\tapple\n2\tpear\n')
    const [first, second] = await world.statements(granted.id, 2)
    assert.equal(first?.kind, 'copy in')
    assert.equal(first.bytes, Buffer.concat(copyIn).length)
    assert.equal(second?.kind, 'copy out')
    assert.equal(second.bytes, 15)
    assert.equal(second.copyDigest?.length, 64)
  })

  it('records pipelined statements one by one, and those behind an error as skipped', async () => {
    const { granted, client } = await connected()
    const pipeline = client.query(
      new OwnQuery((connection) => {
        for (const text of ['select 1', 'select 1/0', 'select 3']) {
          connection.parse({ name: '', text, types: [] }, true)
          connection.bind({}, true)
          connection.execute({}, true)
        }
        connection.sync()
      }),
    )
    await assert.rejects(pipeline.done, /division by zero/)
    await client.end()

    assert.deepEqual(pipeline.rows, [['1']])
    const statements = await world.statements(granted.id, 3)
    assert.deepEqual(
      statements.map(({ text, outcome }) => [text, outcome]),
      [
        ['select 1', 'ok'],
        ['select 1/0', 'error'],
        ['select 3', 'skipped'],
      ],
    )
    assert.equal(statements[0]?.rolledBack, true)
  })

  it('records a statement that is bound and never executed: planning it can run functions', async () => {
    const { granted, client } = await connected()
    const loud = `begin insert into goods (id, name) values (99001, 'unasked'); return 1; end`
    await client.query(
      `create function loud() returns int language plpgsql as '${loud.replaceAll("'", "''")}'`,
    )
    await client.query(
      `create function quiet() returns int immutable language plpgsql as 'begin return loud(); end'`,
    )
    const bound = client.query(
      new OwnQuery((connection) => {
        connection.parse({ name: '', text: 'select quiet() as hidden', types: [] }, true)
        connection.bind({}, true)
        connection.sync()
      }),
    )
    await bound.done
    await client.end()
    const ran = await world.onShop(`select from goods where name = 'unasked'`)
    assert.equal(ran.length, 1)
    const statements = await world.statements(granted.id, 3)
    assert.deepEqual(
      statements.slice(2).map(({ text, outcome, tag }) => [text, outcome, tag]),
      [['select quiet() as hidden', 'unknown', null]],
    )
  })

  it('records once what is bound in one packet and executed, fails or is skipped in another', async () => {
    const { granted, client } = await connected()
    const apart = new OwnQuery((connection) => {
      const say = [
        () => connection.parse({ name: '', text: 'select $1::int', types: [] }, true),
        () => connection.bind({ values: ['7'] }, true),
        () => connection.execute({}, true),
        () => connection.bind({ values: ['seven'] }, true),
        () => connection.bind({ portal: 'later', values: ['8'] }, true),
        () => connection.sync(),
      ]
      say.forEach((one, index) => setTimeout(one, index * 40))
    })
    await assert.rejects(client.query(apart).done, /invalid input syntax/)
    await client.end()
    const statements = await world.statements(granted.id, 2)
    assert.deepEqual(
      statements.map(({ values, outcome }) => [values, outcome]),
      [
        [['7'], 'ok'],
        [['seven'], 'error'],
      ],
    )
  })

  it('delivers notifications to an idle client', async () => {
    const { client } = await connected()
    await client.query('listen news')
    const heard = once(client, 'notification')
    await world.onShop(`notify news, 'hello'`)
    const [notification] = (await heard) as pg.Notification[]
    await client.end()
    assert.equal(notification?.payload, 'hello')
  })

  it('holds a large result back while the client does not read, in bounded memory', async () => {
    const { client } = await connected()
    const { stream } = (client as unknown as { connection: pg.Connection }).connection
    const sql = `select repeat('x', 10000) from generate_series(1, 20000)`
    const before = process.memoryUsage().rss
    const large = client.query(new OwnQuery((c) => c.query(sql), { keep: false }))
    stream.pause()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const grown = process.memoryUsage().rss - before
    stream.resume()
    await large.done
    await client.end()

    assert.equal(large.rowCount, 20_000)
    assert.ok(grown < 50 * 1024 * 1024, `grew by ${String(grown)} bytes`)
  })

  it('takes a statement of 20 MB and keeps its beginning with length and digest', async () => {
    const { granted, client } = await connected()
    const text = `select length('${'y'.repeat(20_000_000)}') as n`
    const { rows: shown } = await client.query<{ n: number }>(text)
    await client.end()
    assert.deepEqual(shown, [{ n: 20_000_000 }])
    const [statement] = await world.statements(granted.id, 1)
    assert.equal(statement?.textBytes, text.length)
    assert.ok(statement.text.length < text.length)
    assert.equal(statement.textDigest?.length, 64)
  })

  it('stops the backend when the client vanishes in the middle of a statement', async () => {
    const { granted, client } = await connected()
    const { processID } = client as unknown as { processID: number }
    client.on('error', () => undefined)
    const asleep = client.query('select pg_sleep(20)').catch(() => undefined)
    await world.waitUntilAsleep(processID)
    ;(
      client as unknown as { connection: { stream: { destroy(): void } } }
    ).connection.stream.destroy()
    await asleep
    await world.waitUntilGone(processID)
    const [statement] = await world.statements(granted.id, 1)
    assert.equal(statement?.outcome, 'aborted')
  })

  it('still answers a client that has said all it wants to say', async () => {
    const { granted, client } = await connected()
    client.on('error', () => undefined)
    const { stream } = (client as unknown as { connection: { stream: { end(): void } } }).connection
    const answer = client.query<{ n: number }>('select 1 as n from pg_sleep(0.7)')
    stream.end()
    assert.deepEqual((await answer).rows, [{ n: 1 }])
    const [statement] = await world.statements(granted.id, 1)
    assert.equal(statement?.outcome, 'ok')
  })

  it('keeps a row and two records of every connection, in its requester’s name', async () => {
    const application_name = 'ledger postgres://u:hunter2@h/d'
    const { granted, client } = await connected({ application_name })
    await client.end()
    const found = await trail(world, granted.id, 2)

    const [connection] = await listConnections(world.store.db, OPERATOR, granted.id)
    assert.equal(connection?.clientIp, '127.0.0.1')
    assert.equal(connection.applicationName, 'ledger postgres://u:[redacted]@h/d')
    assert.equal(connection.closeReason, 'closed by the client')
    assert.deepEqual(
      found.map(({ action }) => action),
      ['connection.opened', 'connection.closed'],
    )
    assert.match(found[0]?.actor ?? '', /^mark/)
  })

  it('tells the client what the data source says of a login, but nothing of ours', async () => {
    const granted = await world.grant()
    await world.onShop(`alter role ${granted.username} connection limit 0`)
    const limit = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(limit.code, '53300')

    await world.onShop(`alter role ${granted.username} nologin`)
    const refused = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(refused.code, '08006')
    assert.equal(refused.message, 'the data source refused the login of the session user')
    const found = await trail(world, granted.id, 2)
    assert.deepEqual(
      found.map(({ action }) => action),
      ['connection.refused', 'connection.refused'],
    )
  })
})

async function trail(world: GrantedWorld, id: string, count: number) {
  for (let patience = 100; ; patience -= 1) {
    const found = await rows<{ action: string; actor: string }>(
      world.store.db,
      `select action, actor_name as actor
         from records
        where session_id = :id
          and area = 'connections'
        order by seq`,
      { id },
    )
    if (found.length >= count || patience === 0) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
