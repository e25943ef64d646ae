import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { getRow, rows } from '../../db/store.ts'
import { createToken } from '../../db/tokens.ts'
import type { SessionId } from '../../lib/ids.ts'
import { silentLog } from '../../lib/log.ts'
import { Shutdown } from '../../lib/shutdown.ts'
import { createApp } from '../../portal/app.ts'
import { configFor, openPortal, type TestPortal } from '../support/portal.ts'
import { recordConnection } from '../support/recorded-session.ts'
import { until } from '../support/until.ts'
import { makeWorld, type World } from '../support/world.ts'

describe('downloading a long recording', function () {
  this.timeout(60_000)
  const MANY = 4_000
  const TEXT = `select '${'x'.repeat(10_000)}'`

  let world: World
  let portal: TestPortal
  let server: Server
  let id: SessionId
  let address = ''
  let cookie = ''

  before(async () => {
    world = await makeWorld()
    portal = await openPortal(world)
    const asked = { dataSource: 'shop', roles: ['role1'], justification: 'ticket 7' }
    id = (await requestSession(world.portal, world.scopes.mark, world.origins.mark, asked)).id
    const connection = await recordConnection(world, id, { at: '2026-11-23T10:00:00Z' })
    await connection.add({ text: TEXT })
    await rows(
      world.owner.db,
      `insert into statements (session_id, organization_id, connection_id, number, part, part_of, kind, text,
                               text_bytes, started_at, outcome, tag)
       select s.session_id, s.organization_id, s.connection_id, n, 1, n, s.kind, s.text, s.text_bytes,
              s.started_at + n * interval '1 millisecond', s.outcome, s.tag
         from statements s
        cross join generate_series(2, :many) n
        where s.session_id = :id`,
      { many: MANY, id },
    )
    server = portal.app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    address = `http://127.0.0.1:${String(port)}/sessions/${id}/statements/download`
    cookie = (await portal.signedIn('mark')).cookie()
  })
  after(async () => {
    server.closeAllConnections()
    server.close()
    await portal.close()
    await world.close()
  })

  const start = (format: string): Promise<IncomingMessage> =>
    open(`${address}?format=${format}`, { cookie })

  for (const [format, own] of [
    ['text', /^No\. /gm],
    ['jsonl', /^\{"session"/gm],
  ] as const) {
    it(`streams every one of ${String(MANY)} statements as ${format} in little memory`, async () => {
      const answer = await start(format)
      assert.equal(answer.headers['daypass-statements'], String(MANY))
      const before = heapHeld()
      let looks = 0
      let highest = 0
      let statements = 0
      let bytes = 0
      let chunks = 0
      let line = ''
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        bytes += chunk.length
        const lines = (line + chunk.toString()).split('\n')
        line = lines.pop() ?? ''
        statements += lines.join('\n').match(own)?.length ?? 0
        chunks += 1
        if (chunks % 120 !== 0) continue
        looks += 1
        highest = Math.max(highest, heapHeld() - before)
      }
      assert.equal(statements, MANY)
      assert.ok(bytes > MANY * TEXT.length, `${String(bytes)} bytes`)
      assert.ok(looks > 3, `measured on the way: ${String(chunks)} chunks`)
      assert.ok(highest < 12 * 1024 * 1024, `${String(highest)} bytes more`)
    })
  }

  it('gives its connection back when the reader leaves', async () => {
    for (let round = 0; round < 6; round += 1) {
      const answer = await start('jsonl')
      await once(answer, 'data')
      answer.destroy()
      await untilIdle()
    }
  })

  it('lets only some run at once, and fewer of one person, whether of its pages or of its API', async () => {
    const { people, origins } = world
    const { token } = await world.portal.change((tx) =>
      createToken(tx, origins.mark, { person: people.mark, name: 'tests' }),
    )
    const [admin, audrey] = await Promise.all(
      (['admin', 'audrey'] as const).map(async (name) => (await portal.signedIn(name)).cookie()),
    )
    const called = address.replace('/sessions/', '/api/v1/sessions/')
    const bearer = { authorization: `Bearer ${token}` }
    const mine = [await start('jsonl'), await open(called, bearer)]
    const refused = await open(called, bearer)
    const other = await open(address, { cookie: admin })
    const last = await open(address, { cookie: audrey })
    const answers = [...mine, refused, other, last]
    try {
      assert.deepEqual(
        answers.map(({ statusCode }) => statusCode),
        [200, 200, 429, 200, 429],
      )
      assert.match(await text(refused), /Other downloads of yours are still running/)
      assert.match(await text(last), /Other downloads are still running/)
    } finally {
      for (const answer of answers) answer.destroy()
    }
    await untilIdle()
    const again = await start('jsonl')
    assert.equal(again.statusCode, 200)
    again.destroy()
    await untilIdle()
  })

  it('may count for longer than a page takes', async () => {
    const shutdown = new Shutdown(silentLog)
    const hurried = createApp({
      config: configFor(world),
      store: world.portal,
      log: silentLog,
      shutdown,
      answerWithinMs: 100,
    }).listen(0, '127.0.0.1')
    await once(hurried, 'listening')
    const { port } = hurried.address() as AddressInfo
    try {
      const lock = await world.owner.db.transaction()
      await lock.raw('lock table statements in access exclusive mode')
      const asked = open(address.replace(/:[0-9]+/, `:${String(port)}`), { cookie })
      await sleep(1_000)
      await lock.rollback()
      const answer = await asked
      assert.equal(answer.statusCode, 200)
      answer.destroy()
    } finally {
      hurried.closeAllConnections()
      hurried.close()
      await shutdown.close()
    }
    await untilIdle()
  })

  async function untilIdle(): Promise<void> {
    await until('no download holds a transaction', async () => {
      const { open } = await getRow<{ open: number }>(
        world.owner.db,
        `select cast(count(*) as integer) as open
           from pg_stat_activity
          where datname = current_database()
            and state like 'idle in transaction%'
            and query ilike '%statements_read%'`,
      )
      return open === 0
    })
  }
})

async function open(url: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
  const [answer] = (await once(get(url, { headers }), 'response')) as [IncomingMessage]
  return answer
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes still held once the garbage is gone. */
function heapHeld(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
