import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { makeVerifier, mockVerifier, parseVerifier } from '../../../lib/scram.ts'
import type { ScramVerifier } from '../../../lib/scram.ts'
import { UpstreamLoginError, WireError } from '../../../proxy/errors.ts'
import { ScramClient } from '../../../proxy/scram/client.ts'
import { SCRAM, SCRAM_PLUS, ScramServer } from '../../../proxy/scram/server.ts'

const SECRET = 'pencil'
const BINDING = Buffer.from('hash of a certificate')

describe('proxy/scram', () => {
  let verifier: ScramVerifier

  before(async () => {
    const parsed = parseVerifier(await makeVerifier(SECRET, { iterations: 1 }))
    assert.ok(parsed)
    verifier = parsed
  })

  it('lets both sides prove themselves', async () => {
    const server = new ScramServer(verifier)
    const client = new ScramClient({ secret: SECRET, offered: server.mechanisms })

    const final = await client.final(begin(server, client.mechanism, client.first()))
    const verdict = server.finish(final)

    assert.ok(verdict.ok)
    client.verify(verdict.serverFinal)
    client.assertVerified()
  })

  it('plays the exchange of RFC 7677 section 3', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
    const rfc = parseVerifier(await makeVerifier(SECRET, { salt }))
    assert.ok(rfc)
    const server = new ScramServer(rfc, { nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' })

    const first = begin(server, SCRAM, 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    const verdict = server.finish(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
        'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    )

    assert.equal(
      first,
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    )
    assert.deepEqual(verdict, {
      ok: true,
      serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    })
  })

  it('binds the channel when it can, and refuses another channel', async () => {
    const server = new ScramServer(verifier, { channelBinding: BINDING })
    const client = new ScramClient({
      secret: SECRET,
      offered: server.mechanisms,
      channelBinding: BINDING,
    })
    assert.equal(client.mechanism, SCRAM_PLUS)
    const final = await client.final(begin(server, client.mechanism, client.first()))
    assert.ok(server.finish(final).ok)

    const elsewhere = new ScramServer(verifier, { channelBinding: BINDING })
    const relayed = new ScramClient({
      secret: SECRET,
      offered: elsewhere.mechanisms,
      channelBinding: Buffer.from('hash of another'),
    })
    const stolen = await relayed.final(begin(elsewhere, relayed.mechanism, relayed.first()))
    assert.throws(() => elsewhere.finish(stolen), { sqlstate: '28000' })
  })

  it('takes y,, unless it offered to bind the channel', () => {
    const message = 'y,,n=,r=abc'

    assert.match(begin(new ScramServer(verifier), SCRAM, message), /^r=abc/)
    assert.throws(
      () => begin(new ScramServer(verifier, { channelBinding: BINDING }), SCRAM, message),
      { sqlstate: '28000' },
    )
  })

  it('refuses a wrong secret, and a name nobody has, alike and at the same step', async () => {
    for (const kept of [verifier, mockVerifier(randomBytes(32), 'nobody', 1)]) {
      const server = new ScramServer(kept)
      const client = new ScramClient({ secret: 'guess', offered: [SCRAM] })

      const final = await client.final(begin(server, client.mechanism, client.first()))

      assert.deepEqual(server.finish(final), { ok: false })
    }
  })

  for (const [what, message] of [
    ['no message', ''],
    ['an authorization name', 'n,a=admin,n=,r=abc'],
    ['binding without PLUS', 'p=tls-server-end-point,,n=,r=abc'],
    ['an extension it must know', 'n,,m=ext,n=,r=abc'],
    ['no nonce', 'n,,n='],
    ['a nonce of spaces', 'n,,n=,r= '],
  ] as const) {
    it(`refuses a first message with ${what}`, () => {
      assert.throws(() => begin(new ScramServer(verifier), SCRAM, message), WireError)
    })
  }

  it('refuses a mechanism that it did not offer', () => {
    assert.throws(() => begin(new ScramServer(verifier), SCRAM_PLUS, 'n,,n=,r=abc'), WireError)
    assert.throws(() => begin(new ScramServer(verifier), 'PLAIN', 'n,,n=,r=abc'), WireError)
  })

  it('refuses a last message that is not the end of this exchange', async () => {
    const client = new ScramClient({ secret: SECRET, offered: [SCRAM], nonce: 'abc' })
    const first = begin(new ScramServer(verifier, { nonce: 'def' }), SCRAM, client.first())
    const final = await client.final(first)
    for (const broken of [
      '',
      final.slice(0, -1),
      final.replace('c=biws', 'c=eSws'),
      final.replace('r=abcdef', 'r=abcdee'),
      final.replace(/,p=.*/, ''),
      final.replace(/,p=.*/, ',p=AAAA'),
      `${final},x=1`,
    ]) {
      const server = new ScramServer(verifier, { nonce: 'def' })
      begin(server, SCRAM, client.first())
      assert.throws(() => server.finish(broken), WireError, broken)
    }
  })

  it('gives one guess an exchange', async () => {
    const server = new ScramServer(verifier)
    const client = new ScramClient({ secret: 'guess', offered: [SCRAM] })
    const final = await client.final(begin(server, SCRAM, client.first()))
    server.finish(final)

    assert.throws(() => server.finish(final), WireError)
  })

  it('wants SCRAM from a data source and nothing weaker', () => {
    assert.throws(() => new ScramClient({ secret: SECRET, offered: ['PLAIN'] }), UpstreamLoginError)
  })

  for (const [what, challenge] of [
    ['a foreign nonce', 'r=xyz,s=AAAA,i=1'],
    ['our nonce and nothing added', 'r=abc,s=AAAA,i=1'],
    ['no salt', 'r=abcd,s=,i=1'],
    ['too many iterations', 'r=abcd,s=AAAA,i=1000001'],
    ['no iterations', 'r=abcd,s=AAAA,i=0'],
    ['an extension', 'm=x,r=abcd,s=AAAA,i=1'],
    ['nothing', ''],
    ['a very long message', `r=abcd${'x'.repeat(4000)},s=AAAA,i=1`],
  ] as const) {
    it(`refuses a data source that challenges with ${what}`, async () => {
      const client = new ScramClient({ secret: SECRET, offered: [SCRAM], nonce: 'abc' })

      await assert.rejects(client.final(challenge), UpstreamLoginError)
    })
  }

  it('refuses a data source that does not know the secret itself', async () => {
    const client = new ScramClient({ secret: SECRET, offered: [SCRAM], nonce: 'abc' })
    await client.final('r=abcd,s=AAAA,i=1')

    assert.throws(
      () => client.verify(`v=${randomBytes(32).toString('base64')}`),
      UpstreamLoginError,
    )
    assert.throws(() => client.verify('e=other-error'), UpstreamLoginError)
    assert.throws(() => client.assertVerified(), UpstreamLoginError)
  })
})

function begin(server: ScramServer, mechanism: string, clientFirst: string): string {
  server.choose(mechanism)
  return server.start(clientFirst)
}
