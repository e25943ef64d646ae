import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { int32 } from '../../../support/wire-messages.ts'
import { cancelRequest, copyData, extended, packetOf, parse, query, sync } from '../frontend.ts'
import { fieldsOf, RawClient, type Heard } from '../raw-client.ts'
import { logIn } from '../scram-login.ts'
import type { Side, TwoSides } from '../two-sides.ts'

/** Traps 24 and 25: what comes unasked, and requests to cancel. */
export function flowCases(sides: () => TwoSides): void {
  describe('in mid-flow', () => {
    it('[24] notifies the sender itself, in its own number, behind the commit', async () => {
      const { types, heard } = await sides().same(async (client) => {
        client.say(query(`listen news; notify news, 'one'`))
        await client.until('Z')
        client.say(query(`begin; notify news, 'two'; select 1; commit`))
        await client.until('Z')
        client.say(extended(`select pg_notify('news', 'three')`), sync)
        await client.until('Z')
        client.say(query('unlisten *'))
        await client.until('Z')
      })
      assert.match(types, /^CCAZCCTDCCAZ12TDCAZCZ$/)
      const bodies = heard.filter(({ type }) => type === 'A').map(({ body }) => body.toString())
      assert.deepEqual(
        bodies,
        ['one', 'two', 'three'].map((text) => `selfnews\0${text}\0`),
      )
    })

    it('[24] notifies an idle client, with the real number of the sender', async () => {
      for (const side of [sides().direct, sides().proxied]) {
        const [listener, sender] = [await sides().connect(side), await sides().connect(side)]
        listener.say(query('listen news'))
        await listener.until('Z')
        sender.say(query(`notify news, 'hello'; select pg_backend_pid()`))
        const row = (await sender.until('Z')).find(({ type }) => type === 'D') ?? assert.fail()
        const heard = (await listener.until('A')).at(-1) ?? assert.fail()
        assert.equal(heard.body.readInt32BE(0), sender.pid)
        assert.equal(row.body.toString('utf8', 6), String(sender.pid))
        listener.close()
        sender.close()
      }
    })

    it('[24] hands on notices and statuses between and inside results', async () => {
      const { types } = await sides().same(async (client) => {
        client.say(
          query(
            `set client_min_messages = 'debug1'; select 1; set application_name = 'a';
             do $$ begin raise info 'i'; raise debug 'd'; raise log 'l'; end $$;
             select set_config('TimeZone', 'Asia/Tokyo', false), n from generate_series(1, 3) n;
             reset all`,
          ),
        )
        await client.until('Z')
        client.say(query(`set search_path = 'public'; set standard_conforming_strings = off`))
        await client.until('Z')
        client.say(query(`select 'a\\'b'; set role none; set DateStyle = 'German'`))
        await client.until('Z')
      })
      assert.match(types, /N.*S+Z/)
    })

    it('[25] cancels what runs, and only that; the session goes on', async () => {
      const { types } = await sides().same(async (client, side) => {
        client.say(query('select pg_sleep(20)'), query('select 2'))
        await sides().world.waitUntilAsleep(client.pid)
        assert.deepEqual(await cancel(side, cancelRequest(client.pid, client.key)), [])
        await client.until('Z', 2)
        client.say(parse('select pg_sleep(20)'), extended('select pg_sleep(20)'), sync)
        await sides().world.waitUntilAsleep(client.pid)
        await cancel(side, cancelRequest(client.pid, client.key))
        await client.until('Z')
      })
      assert.match(types, /^TEZTDCZ112TEZ$/)
    })

    it('[25] cancels COPY in and COPY out', async () => {
      const { heard } = await sides().same(async (client, side) => {
        client.say(query('copy goods (name) from stdin'))
        await client.until('G')
        await cancel(side, cancelRequest(client.pid, client.key))
        // a server that waits for lines looks up when one comes
        await sleep(30)
        client.say(copyData('late\n'))
        await client.until('Z')
        client.say(query('copy (select pg_sleep(20)) to stdout'))
        await sides().world.waitUntilAsleep(client.pid)
        await cancel(side, cancelRequest(client.pid, client.key))
        await client.until('Z')
      })
      const errors = heard.filter(({ type }) => type === 'E').map((one) => fieldsOf(one)['C'])
      assert.deepEqual(errors, ['57014', '57014'])
    })

    it('[25] ignores and never answers a request with another key, another number or of an odd size', async () => {
      const { types } = await sides().same(async (client, side) => {
        const { pid, key } = client
        client.say(query('select pg_sleep(0.4)'))
        await sides().world.waitUntilAsleep(pid)
        const flipped = Buffer.from(key.map((byte) => byte ^ 1))
        const requests = [
          cancelRequest(pid, flipped),
          cancelRequest(pid + 1, key),
          cancelRequest(0, key),
          cancelRequest(pid, Buffer.concat([key, key])),
          cancelRequest(pid, key.subarray(0, 3)),
          cancelRequest(pid, Buffer.alloc(300)),
          packetOf(int32(80877102, pid)),
          packetOf(int32(80877102)),
        ]
        const answers = await Promise.all(requests.map((request) => cancel(side, request)))
        assert.deepEqual(answers.flat(), [])
        await client.until('Z')
      })
      assert.equal(types, 'TDCZ')
    })

    it('[25] does nothing to an idle session', async () => {
      const { types } = await sides().same(async (client, side) => {
        await cancel(side, cancelRequest(client.pid, client.key))
        client.say(query('select 1'))
        await client.until('Z')
      })
      assert.equal(types, 'TDCZ')
    })

    it('[25] cancels by the long key of protocol 3.2', async () => {
      const clients = [sides().direct, sides().proxied].map(async (side) => {
        const client = await RawClient.connect(side.port)
        await logIn(client, { ...sides().login, minor: 2 })
        client.say(query('select pg_sleep(20)'))
        await sides().world.waitUntilAsleep(client.pid)
        await cancel(side, cancelRequest(client.pid, client.key))
        const error = (await client.until('Z')).find(({ type }) => type === 'E')
        client.close()
        return { code: fieldsOf(error ?? assert.fail())['C'], length: client.key.length }
      })
      const [direct, proxied] = await Promise.all(clients)
      assert.deepEqual(proxied, { code: '57014', length: 32 })
      assert.equal(direct?.code, '57014')
    })

    it('[28] lets a client ask for much before it reads anything', async () => {
      const { types } = await sides().same(async (client) => {
        client.socket.pause()
        const long = extended(`select repeat('x', 20000)`)
        client.say(...Array.from({ length: 500 }, () => long), sync)
        await sleep(50)
        client.socket.resume()
        await client.until('Z')
      })
      assert.equal(types, `${'12TDC'.repeat(500)}Z`)
    })

    async function cancel({ port }: Side, request: Buffer): Promise<readonly Heard[]> {
      const canceler = await RawClient.connect(port)
      canceler.say(request)
      await canceler.ended()
      assert.equal(canceler.rest.length, 0)
      canceler.close()
      return canceler.heard
    }
  })
}
