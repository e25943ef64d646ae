import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { getRow, rows } from '../../db/store.ts'
import { auditPortal } from '../support/audit-portal.ts'
import { openTrail, write, type Trail } from '../support/trail.ts'
import { until } from '../support/until.ts'

describe('downloading a long trail', function () {
  this.timeout(60_000)
  const MANY = 20_000

  let trail: Trail
  let server: Server
  let base: string

  before(async () => {
    trail = await openTrail()
    await write(trail, [{ at: '2026-10-01T00:00:00.000Z', reason: 'x'.repeat(200) }])
    // copies of a real record, one millisecond apart
    await rows(
      trail.store.owner.db,
      `insert into records (at, event_id, organization_id, action, area, scope, state, actor_name, outcome, body)
       select r.at + n * interval '1 millisecond', gen_random_uuid(), r.organization_id, r.action, r.area, r.scope,
              r.state, r.actor_name, r.outcome, r.body
         from records r
        cross join generate_series(1, :more) n
        where r.state = 'CREATED'`,
      { more: MANY - 1 },
    )
    server = auditPortal(trail.portal, { audrey: trail.audrey }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  })

  after(async () => {
    server.closeAllConnections()
    server.close()
    await trail.close()
  })

  const start = async (format: string): Promise<IncomingMessage> => {
    const sent = get(`${base}/audit/download?format=${format}`, { headers: { 'x-as': 'audrey' } })
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    return answer
  }

  for (const [format, besides] of [
    ['text', 8],
    ['csv', 1],
    ['jsonl', 0],
  ] as const) {
    it(`streams every one of ${String(MANY)} records as ${format} in little memory`, async () => {
      const answer = await start(format)
      assert.equal(answer.headers['daypass-records'], String(MANY))
      const before = heapHeld()
      let looks = 0
      let highest = 0
      let lines = 0
      let chunks = 0
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        lines += chunk.filter((byte) => byte === 0x0a).length
        chunks += 1
        if (chunks % 25 !== 0) continue
        looks += 1
        highest = Math.max(highest, heapHeld() - before)
      }
      assert.ok(looks >= 3, `measured on the way: ${String(chunks)} chunks`)
      // text begins with who took it and when, and both tables with a heading
      assert.equal(lines, MANY + besides)
      assert.ok(highest < 8 * 1024 * 1024, `${String(highest)} bytes more`)
    })
  }

  it('leaves nothing behind for the great collection, however many JSON lines it writes', async () => {
    const download = async (): Promise<number> => {
      let [kept, last] = [0, oldBytes()]
      for await (const chunk of (await start('jsonl')) as AsyncIterable<Buffer>) {
        assert.ok(chunk.length > 0)
        const now = oldBytes()
        kept += Math.max(0, now - last)
        last = now
      }
      return kept
    }
    // what V8 compiles on the way is kept too
    await download()
    const kept = (await download()) + (await download()) + (await download())
    // an object that is kept for each record makes it 37 MB
    assert.ok(kept < 12 * 1024 * 1024, `${String(kept)} bytes of ${String(3 * MANY)} records`)
  })

  it('ends its transaction and gives its connection back when the reader leaves', async () => {
    for (let round = 0; round < 12; round += 1) {
      const answer = await start('jsonl')
      await once(answer, 'data')
      answer.destroy()
      await untilIdle(trail)
    }
    const answer = await start('csv')
    assert.equal(answer.statusCode, 200)
    answer.destroy()
    await untilIdle(trail)
  })

  it('lets only some run at once, so that the portal keeps connections for everything else', async () => {
    const open = await Promise.all([start('jsonl'), start('jsonl')])
    assert.deepEqual(
      open.map(({ statusCode }) => statusCode),
      [200, 200],
    )
    const refused = await start('jsonl')
    assert.equal(refused.statusCode, 429)
    assert.equal(refused.headers['retry-after'], '10')
    refused.resume()
    for (const answer of open) answer.destroy()
    await untilIdle(trail)
    const again = await start('jsonl')
    assert.equal(again.statusCode, 200)
    again.destroy()
    await untilIdle(trail)
  })
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes still held once the garbage is gone. */
function heapHeld(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Bytes in use that are not of the young generation, which is collected every few milliseconds. */
function oldBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !/^(?:new|read_only)/.test(name))
    .reduce((sum, { space_used_size: used }) => sum + used, 0)
}

/** Waits until no download holds a transaction open. */
function untilIdle(trail: Trail): Promise<boolean> {
  return until('no transaction is open', async () => {
    const { open } = await getRow<{ open: number }>(
      trail.store.owner.db,
      `select cast(count(*) as integer) as open
         from pg_stat_activity
        where datname = current_database()
          and backend_type = 'client backend'
          and pid <> pg_backend_pid()
          and xact_start is not null`,
    )
    return open === 0
  })
}
