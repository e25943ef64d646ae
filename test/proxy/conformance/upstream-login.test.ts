import assert from 'node:assert/strict'
import { logIn } from '../../../proxy/upstream.ts'
import { message } from '../../support/wire-messages.ts'
import { FakeServer, SECRET, type Says } from './fake-server.ts'
import { CERT } from './two-sides.ts'

describe('the login at a data source', () => {
  const open: FakeServer[] = []

  after(() => {
    for (const server of open) server.close()
  })

  async function loggedIn(says: Says, { minor = 0 } = {}) {
    const server = await FakeServer.start(says)
    open.push(server)
    const { port } = server
    const upstream = await logIn({
      address: {
        host: '127.0.0.1',
        port,
        tlsMode: says.tls ? 'verify-full' : 'disable',
        tlsCa: CERT,
      },
      user: 'u',
      secret: SECRET,
      database: 'd',
      parameters: [],
      minor,
      signal: AbortSignal.timeout(5_000),
    })
    upstream.peer.socket.destroy()
    return { ...upstream, server }
  }

  for (const [minor, negotiated, expected] of [
    [0, undefined, 0],
    [1, undefined, 0],
    [2, undefined, 2],
    [9999, undefined, 2],
    [2, 0, 2],
  ] as const) {
    const what = negotiated === undefined ? 'a server of 3.2' : 'an older server'
    it(`[4] asks ${what} for 3.${String(expected)} for a client of 3.${String(minor)}`, async () => {
      const says = negotiated === undefined ? {} : { negotiated }
      const { server, backend } = await loggedIn(says, { minor })
      assert.equal(server.asked, expected)
      assert.equal(backend.key.length, 32)
    })
  }

  it('[4] believes no negotiation that nobody asked for or that gives nothing up', async () => {
    await assert.rejects(loggedIn({ negotiated: 2 }, { minor: 2 }), /broke the protocol/)
    await assert.rejects(loggedIn({ negotiated: 0 }, { minor: 0 }), /broke the protocol/)
  })

  it('[5] is bound to its channel inside TLS where the server offers that', async () => {
    const { server } = await loggedIn({ tls: true })
    assert.equal(server.mechanism, 'SCRAM-SHA-256-PLUS')
  })

  it('[8] keeps what is said in it as it came, in its place around the cancel key', async () => {
    const early = [
      message('S', 'TimeZone\0', Buffer.from('caf\xe9', 'latin1'), '\0'),
      message('N', 'SWARNUNG\0VWARNING\0C01000\0Mwords\0Ddetail\0Hhint\0Pplace\0\0'),
    ]
    const late = [message('N', 'SNOTICE\0C00000\0Mwelcome\0\0'), message('S', 'a\0b\0')]
    const { greetings, statuses } = await loggedIn({ early, late })
    assert.deepEqual(greetings, { beforeKey: early, behindKey: late })
    assert.deepEqual(statuses.at(-1), ['a', 'b'])
  })

  it('[13] refuses a notice without its end, which some clients would read on for ever', async () => {
    const early = [message('N', 'SNOTICE\0Mno end')]
    await assert.rejects(loggedIn({ early }), /broke the protocol/)
  })

  it('[13] keeps no more of what is said in it than a server has to say', async () => {
    const report = message('S', 'n\0', 'v'.repeat(60_000), '\0')
    const endless = Array.from({ length: 18 }, () => report)
    await assert.rejects(loggedIn({ early: endless }), /broke the protocol/)
    await assert.rejects(loggedIn({ late: endless }), /broke the protocol/)
    const { greetings } = await loggedIn({ early: endless.slice(0, 8), late: endless.slice(0, 8) })
    assert.equal(greetings.behindKey.length, 8)
  })

  it('[13] refuses a second cancel key', async () => {
    const late = [message('K', Buffer.alloc(8))]
    await assert.rejects(loggedIn({ late }), /broke the protocol/)
  })
})
