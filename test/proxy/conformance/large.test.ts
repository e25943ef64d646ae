import assert from 'node:assert/strict'
import { once } from 'node:events'
import { int32 } from '../../support/wire-messages.ts'
import {
  bind,
  copyData,
  copyDone,
  describeOf,
  execute,
  extended,
  parse,
  query,
  sync,
} from './frontend.ts'
import type { RawClient } from './raw-client.ts'
import { TwoSides } from './two-sides.ts'

const MIB = 1024 * 1024

describe('large messages, through the proxy and without it', () => {
  let sides: TwoSides

  before(async () => {
    sides = await TwoSides.make()
  })
  after(() => sides.close())

  it('[11] carries a query of 20 MiB', async () => {
    const text = query(`select length('${'y'.repeat(20 * MIB)}')`)
    const { types, heard } = await sides.same(async (client) => {
      client.say(text)
      await client.until('Z')
    })
    assert.equal(types, 'TDCZ')
    assert.match(heard[1]?.body.toString() ?? '', /20971520$/)
  })

  it('[11] carries a row of 64 MiB', async () => {
    const { heard } = await sides.same(async (client) => {
      client.say(query(`select repeat('x', ${String(64 * MIB)})`))
      await client.until('Z')
    })
    assert.equal(heard[1]?.body.length, 64 * MIB + 6)
  })

  it('[11] carries a parameter of 64 MiB', async () => {
    const value = Buffer.alloc(64 * MIB, 'z')
    const said = [parse('select length($1::text)'), bind({ values: [value], formats: [1] })]
    const { types } = await sides.same(async (client) => {
      client.say(...said, execute(), sync)
      await client.until('Z')
    })
    assert.equal(types, '12DCZ')
  })

  it('[32] carries 65,535 parameters', async () => {
    const values = Array.from({ length: 65_535 }, (_, index) => String(index))
    const list = values.map((_, index) => `$${String(index + 1)}`).join(',')
    const { types, heard } = await sides.same(async (client) => {
      client.say(
        parse(`select count(*) from (values (array[${list}]::int[])) v, unnest(v.column1)`, 'many'),
      )
      client.say(describeOf('S', 'many'), bind({ statement: 'many', values }), execute(), sync)
      await client.until('Z')
    })
    assert.equal(types, '1tT2DCZ')
    assert.match(heard[4]?.body.toString() ?? '', /65535$/)
  })

  it('[11] carries 1,600 columns', async () => {
    const columns = Array.from(
      { length: 1600 },
      (_, index) => `${String(index)} as c${String(index)}`,
    )
    const { types } = await sides.same(async (client) => {
      client.say(
        query(`select ${columns.join(',')}`),
        extended(`select ${columns.join(',')}`),
        sync,
      )
      await client.until('Z', 2)
    })
    assert.equal(types, 'TDCZ12TDCZ')
  })

  it('[11] carries a statement of 100 MB in little memory', async () => {
    const client = await sides.connect(sides.proxied)
    const slice = Buffer.alloc(MIB, 'w')
    const head = Buffer.from('select length($$')
    const tail = Buffer.from('$$)\0')
    const length = 4 + head.length + 100 * MIB + tail.length
    const before = process.memoryUsage().rss
    let most = 0
    await send(client, Buffer.concat([Buffer.from('Q'), int32(length), head]))
    for (let sent = 0; sent < 100; sent += 1) {
      await send(client, slice)
      most = Math.max(most, process.memoryUsage().rss)
    }
    await send(client, tail)
    const row = (await client.until('Z')).find(({ type }) => type === 'D')
    client.close()
    assert.match(row?.body.toString() ?? '', /104857600$/)
    assert.ok(most - before < 48 * MIB, `grew by ${String(most - before)} bytes`)
  })

  it('[28] holds COPY in back while the server does not want it, in little memory', async () => {
    const [client, holder] = [await sides.connect(sides.proxied), await sides.connect(sides.direct)]
    holder.say(query('select pg_advisory_lock(4711)'))
    await holder.until('Z')
    client.say(
      query(
        `create table sink (line text);
         create function wait() returns trigger language plpgsql as
         $$ begin perform pg_advisory_lock_shared(4711); return null; end $$;
         create trigger wait before insert on sink execute function wait();
         copy sink from stdin`,
      ),
    )
    await client.until('G')
    const lines = copyData(`${'v'.repeat(999)}\n`.repeat(1000))
    const sending = (async () => {
      for (let sent = 0; sent < 80; sent += 1) await send(client, lines)
    })()
    const held = await untilStill(client)
    holder.say(query('select pg_advisory_unlock(4711)'))
    await sending
    client.say(copyDone, query('drop table sink; drop function wait'))
    const tag = (await client.until('Z', 2)).find(({ body }) => body.includes('COPY'))
    for (const one of [client, holder]) one.close()
    assert.equal(tag?.body.toString(), 'COPY 80000\0')
    assert.ok(held < 40 * MIB, `took ${String(held)} bytes that nobody wanted`)
  })
})

/** How many bytes were taken when no more were for a while. */
async function untilStill({ socket }: RawClient): Promise<number> {
  for (let before = -1; before < taken(socket);) {
    before = taken(socket)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return taken(socket)
}

function taken({ bytesWritten, writableLength }: RawClient['socket']): number {
  return bytesWritten - writableLength
}

/** Waits where the other side does not keep up. */
async function send({ socket }: RawClient, bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) await once(socket, 'drain')
}
