import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { message } from '../../../support/wire-messages.ts'
import { cancelRequest, GSS_REQUEST, query, SSL_REQUEST, startupPacket } from '../frontend.ts'
import { fieldsOf, RawClient } from '../raw-client.ts'
import { authentication, initial, logIn, NONCE, proven } from '../scram-login.ts'
import { ALPN, CERT, TLS, type Side, type TwoSides } from '../two-sides.ts'

const BARE = `n=,r=${NONCE}`
const PLUS = 'SCRAM-SHA-256-PLUS'
const END_POINT = Buffer.from('p=tls-server-end-point,,')
const BINDING = createHash('sha256').update(new X509Certificate(CERT).raw).digest()

/** Traps 1 and 2, and the bound channel of 5. */
export function encryptionCases(sides: () => TwoSides): void {
  describe('encryption', () => {
    const each = (): readonly Side[] => [sides().direct, sides().proxied]

    it('[1] does not take what was stuffed behind an SSLRequest', async () => {
      const stuffing = startupPacket([['user', sides().login.user]])
      for (const { tlsPort, name } of each()) {
        const client = await RawClient.connect(tlsPort)
        client.say(SSL_REQUEST, stuffing)
        if (name === 'proxied') await client.ended()
        else await client.bytes(1)
        // an older server waits for a handshake: what is certain is that it takes nobody's word
        assert.ok(client.heard.every(({ type }) => type === 'E'))
        assert.doesNotMatch(client.rest.toString(), /SCRAM/)
        if (name === 'proxied') {
          assert.equal(fieldsOf(client.heard[0] ?? assert.fail())['C'], '08P01')
        }
        client.close()
      }
    })

    it('[2] answers an SSLRequest with S, a GSSENCRequest with N, and each only once', async () => {
      for (const { tlsPort, name } of each()) {
        const client = await RawClient.connect(tlsPort)
        client.say(GSS_REQUEST)
        assert.equal((await client.bytes(1)).toString(), 'N')
        client.say(GSS_REQUEST)
        await client.ended()
        const { C, M } = fieldsOf(client.heard[0] ?? assert.fail(name))
        assert.equal(C, '0A000', name)
        assert.match(M ?? '', /^unsupported frontend protocol 1234\.5680/)
        client.close()
      }
    })

    it('[2] refuses an SSLRequest and a GSSENCRequest inside TLS', async () => {
      for (const { tlsPort, name } of each()) {
        for (const again of [SSL_REQUEST, GSS_REQUEST]) {
          const client = await RawClient.requestTls(tlsPort, TLS)
          client.say(again)
          await client.ended()
          assert.equal(fieldsOf(client.heard[0] ?? assert.fail(name))['C'], '0A000', name)
          client.close()
        }
      }
    })

    it('[2] takes direct TLS that names the protocol, and closes on one that does not', async function () {
      for (const { tlsPort, name } of each()) {
        if (name === 'direct' && sides().major < 17) continue
        const named = await RawClient.connectTls(tlsPort, { ...TLS, ...ALPN })
        await logIn(named, sides().login)
        named.close()
        const unnamed = await RawClient.connectTls(tlsPort, TLS).catch(() => undefined)
        unnamed?.say(startupPacket([['user', sides().login.user]]))
        await unnamed?.ended()
        assert.deepEqual(unnamed?.heard ?? [], [], name)
        await assert.rejects(RawClient.connectTls(tlsPort, { ...TLS, ALPNProtocols: ['http/1.1'] }))
      }
    })

    it('[2] is the same session inside TLS', async () => {
      const answers: string[][] = []
      for (const { tlsPort } of each()) {
        const client = await RawClient.requestTls(tlsPort, TLS)
        await logIn(client, sides().login)
        client.say(query('select 1 as one; select 1/0'))
        answers.push(
          (await client.until('Z')).map(({ type, body }) => type + body.toString('latin1')),
        )
        client.close()
      }
      assert.deepEqual(answers[1], answers[0])
    })

    it('[5] offers PLUS first inside TLS, and binds the login to this very channel', async () => {
      for (const side of each()) {
        const client = await offered(side)
        const challenge = await choose(client, END_POINT)
        client.say(message('p', finalOf(challenge, Buffer.concat([END_POINT, BINDING]))))
        await authentication(client, 12)
        await client.until('Z')
        client.close()
      }
    })

    for (const [what, packet, sqlstate] of [
      ['y, which says that PLUS was cut out', initial('SCRAM-SHA-256', `y,,${BARE}`), '28000'],
      ['another kind of binding', initial(PLUS, `p=tls-unique,,${BARE}`), '08P01'],
      ['an odd kind of binding', initial(PLUS, `p=\x01${'x'.repeat(60)},,${BARE}`), '08P01'],
      ['PLUS and no binding', initial(PLUS, `n,,${BARE}`), '08P01'],
      ['PLUS and y', initial(PLUS, `y,,${BARE}`), '08P01'],
      [
        'PLUS and an authorization name',
        initial(PLUS, `p=tls-server-end-point,a=x,${BARE}`),
        '0A000',
      ],
    ] as const) {
      it(`[5] answers alike inside TLS to ${what}`, async () => {
        await alike((client) => {
          client.say(packet)
          return Promise.resolve()
        }, sqlstate)
      })
    }

    for (const [what, gs2] of [
      ['another channel', Buffer.concat([END_POINT, Buffer.alloc(32)])],
      ['no channel', END_POINT],
      ['the header of an unbound one', Buffer.from('n,,')],
    ] as const) {
      it(`[5] refuses a login that is bound to ${what}`, async () => {
        await alike(async (client) => {
          const challenge = await choose(client, END_POINT)
          client.say(message('p', finalOf(challenge, gs2)))
        }, '28000')
      })
    }

    it('[25] takes a CancelRequest inside TLS, and in clear where sessions must be encrypted', async () => {
      for (const { tlsPort, port, name } of each()) {
        for (const isEncrypted of [true, false]) {
          const client = await RawClient.requestTls(tlsPort, TLS)
          await logIn(client, sides().login)
          client.say(query('select pg_sleep(20)'))
          await sides().world.waitUntilAsleep(client.pid)
          const where = name === 'direct' ? port : tlsPort
          const canceler = await (isEncrypted
            ? RawClient.requestTls(where, TLS)
            : RawClient.connect(where))
          canceler.say(cancelRequest(client.pid, client.key))
          await canceler.ended()
          canceler.close()
          assert.equal(canceler.heard.length, 0)
          const error = (await client.until('Z')).find(({ type }) => type === 'E')
          assert.equal(fieldsOf(error ?? assert.fail())['C'], '57014')
          client.close()
        }
      }
    })

    async function offered({ tlsPort }: Side): Promise<RawClient> {
      const { user, database } = sides().login
      const client = await RawClient.requestTls(tlsPort, TLS)
      client.say(
        startupPacket([
          ['user', user],
          ['database', database],
        ]),
      )
      const mechanisms = (await authentication(client, 10)).toString()
      assert.equal(mechanisms, `${PLUS}\0SCRAM-SHA-256\0\0`)
      return client
    }

    async function choose(client: RawClient, gs2: Buffer): Promise<string> {
      client.say(initial(PLUS, `${gs2.toString()}${BARE}`))
      return (await authentication(client, 11)).toString()
    }

    function finalOf(challenge: string, gs2: Buffer): string {
      return proven({ secret: sides().login.secret, bare: BARE, challenge, gs2 })
    }

    async function alike(spoil: (client: RawClient) => Promise<void>, sqlstate: string) {
      const answers: Readonly<Record<string, string>>[] = []
      for (const side of each()) {
        const client = await offered(side)
        await spoil(client)
        await client.ended()
        const { F, L, R, ...said } = fieldsOf(client.heard.at(-1) ?? assert.fail())
        assert.ok(side.name === 'proxied' || (F && L && R))
        answers.push(said)
        client.close()
      }
      assert.deepEqual(answers[1], answers[0])
      assert.equal(answers[1]?.['C'], sqlstate)
    }
  })
}
