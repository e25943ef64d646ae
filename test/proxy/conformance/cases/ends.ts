import assert from 'node:assert/strict'
import { copyData, extended, query, startupPacket, sync, terminate } from '../frontend.ts'
import { fieldsOf, RawClient, shown, typesOf, type Heard } from '../raw-client.ts'
import { authentication } from '../scram-login.ts'
import type { TwoSides } from '../two-sides.ts'

/** Traps 26, 27 and 36: how connections end. */
export function endCases(sides: () => TwoSides): void {
  describe('ends', () => {
    const terminateBackend = (pid: number) =>
      sides().world.onShop(`select pg_terminate_backend(${String(pid)})`)

    it('[26] hands on the last words of a backend that is terminated, idle', async () => {
      const { types, heard } = await sides().same(async (client) => {
        await terminateBackend(client.pid)
        await client.ended()
      })
      assert.equal(types, 'E.')
      assert.equal(fieldsOf(heard[0] ?? assert.fail())['C'], '57P01')
    })

    for (const [what, packets, expected] of [
      ['in a statement', [query('select pg_sleep(20)')], /^TE\.$/],
      [
        'in a pipeline',
        [extended('select 1'), extended('select pg_sleep(20)'), sync],
        /^12TDC12TE\.$/,
      ],
      ['in COPY out', [query('copy (select pg_sleep(20)) to stdout')], /^HE\.$/],
    ] as const) {
      it(`[26] hands on the last words of a backend that is terminated ${what}`, async () => {
        const { types } = await sides().same(async (client) => {
          client.say(...packets)
          await sides().world.waitUntilAsleep(client.pid)
          await terminateBackend(client.pid)
          await client.ended()
        })
        assert.match(types, expected)
      })
    }

    it('[26] hands on the last words of a backend that is terminated in COPY in', async () => {
      const { types } = await sides().same(async (client) => {
        client.say(query('copy goods (name) from stdin'), copyData('a\n'))
        await client.until('G')
        await terminateBackend(client.pid)
        await client.ended()
      })
      assert.equal(types, 'GE.')
    })

    it('[26] hands on the last words of a backend that is terminated in the middle of a message', async () => {
      const { types } = await sides().same(async (client) => {
        client.say(query(`select '${'x'.repeat(50_000)}'`).subarray(0, 40_000))
        await new Promise((done) => setTimeout(done, 30))
        await terminateBackend(client.pid)
        await client.ended()
      })
      assert.equal(types, 'E.')
    })

    it('[26] hands on the last words of a backend that ends itself', async () => {
      const { types } = await sides().same(async (client) => {
        client.say(query('select 1; select pg_terminate_backend(pg_backend_pid()); select 2'))
        await client.ended()
      })
      assert.match(types, /^TDC.*E\.$/)
    })

    for (const [name, inBlock, sqlstate] of [
      ['idle_session_timeout', '', '57P05'],
      ['idle_in_transaction_session_timeout', 'begin', '25P03'],
      ['transaction_timeout', 'begin', '25P04'],
    ] as const) {
      it(`[26] ends by ${name} in the server’s words`, async () => {
        if (name === 'transaction_timeout' && sides().major < 17) return
        const { heard } = await sides().same(async (client) => {
          client.say(query(`set ${name} = '40ms'; ${inBlock}`))
          await client.ended()
        })
        assert.equal(fieldsOf(heard.at(-2) ?? assert.fail())['C'], sqlstate)
      })
    }

    it('[26] ends without a word on Terminate', async () => {
      const { types } = await sides().same(async (client) => {
        client.say(query('select 1'), terminate)
        await client.ended()
      })
      assert.equal(types, 'TDCZ.')
    })

    it('[26] ignores what stands behind Terminate', async () => {
      const { types } = await sides().same(async (client) => {
        client.say(terminate, query('select 1'))
        await client.ended()
      })
      assert.equal(types, '.')
    })

    it('[27] answers a client that has stopped sending, and then ends', async () => {
      const [direct, proxied] = await sides().bothIn(async (client) => {
        client.say(query('select 1 from pg_sleep(0.1)'), extended('select 2'), sync)
        client.socket.end()
        await client.ended()
      })
      assert.equal(direct.types, 'TDCZ12TDCZ.')
      assert.deepEqual(withoutProbes(proxied.heard).map(shown), direct.heard.map(shown))
    })

    it('[27] ends when a client stops sending in COPY in', async () => {
      const [direct, proxied] = await sides().bothIn(async (client) => {
        client.say(query('copy goods (name) from stdin'), copyData('half'))
        await client.until('G')
        client.socket.end()
        await client.ended()
      })
      assert.match(proxied.types, /^G/)
      assert.equal(typesOf(withoutProbes(proxied.heard)), direct.types)
      const left = await sides().world.onShop(`select from goods where name = 'half'`)
      assert.equal(left.length, 0)
    })

    it('[27] stops the backend of a client that vanishes, which a server alone does not', async () => {
      for (const said of [query('select pg_sleep(20)'), query('copy goods (name) from stdin')]) {
        const client = await sides().connect(sides().proxied)
        client.say(said)
        if (client.heard.at(-1)?.type !== 'G') await new Promise((done) => setTimeout(done, 60))
        client.socket.resetAndDestroy()
        await sides().world.waitUntilGone(client.pid)
      }
    })

    it('[36] is cut off in COPY in, and with a result that nobody reads', async () => {
      const { world, proxied, login } = sides()
      for (const said of [
        query('copy goods (name) from stdin'),
        query(`select repeat('x', 10000) from generate_series(1, 100000)`),
      ]) {
        const granted = await world.grant()
        const client = await sides().connect(proxied, {
          ...login,
          user: granted.username,
          secret: granted.secret,
        })
        client.say(said)
        await new Promise((done) => setTimeout(done, 60))
        client.socket.pause()
        await world.end(granted.id, 'TERMINATED', 'admin')
        await world.waitUntilGone(client.pid)
        client.socket.resume()
        await client.ended()
        client.close()
      }
    })

    it('[36] does not let in whose session ends in the middle of the login', async () => {
      const { world, proxied, login } = sides()
      const granted = await world.grant()
      const client = await RawClient.connect(proxied.port)
      const parameters = [
        ['user', granted.username],
        ['database', login.database],
      ] as const
      client.say(startupPacket(parameters))
      await authentication(client, 10)
      await world.end(granted.id, 'CANCELED', 'mark')
      const late = { user: granted.username, secret: granted.secret, database: login.database }
      await assert.rejects(sides().connect(proxied, late), /C28000/)
      client.close()
    })
  })
}

/** A client that stopped sending is asked whether it still listens, with what it knows already. */
function withoutProbes(heard: readonly Heard[]): readonly Heard[] {
  return heard.filter((one) => !shown(one).startsWith('S server_version'))
}
