import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { once } from 'node:events'
import { clientOf, failureOf, GrantedWorld, type TestProxy } from '../support/granted.ts'
import { GSS_REQUEST, RawPeer, SSL_REQUEST, startup } from '../support/raw-peer.ts'

const TLS_FOLDER = join(import.meta.dirname, '../support/tls')
const CERT = join(TLS_FOLDER, 'cert.pem')

describe('the first words of a client', () => {
  let world: GrantedWorld
  let plain: TestProxy
  let encrypting: TestProxy

  before(async () => {
    world = await GrantedWorld.make()
    plain = await world.startProxy()
    const tls = { cert: CERT, key: join(TLS_FOLDER, 'key.pem') }
    encrypting = await world.startProxy({ proxy: { host: '127.0.0.1', port: 0, tls } })
  })
  after(() => world.close())

  it('are answered N where there is no TLS and for GSS, once each', async () => {
    const peer = await RawPeer.connect(plain.port)
    peer.socket.write(SSL_REQUEST)
    assert.equal((await peer.received(1)).toString(), 'N')
    peer.socket.write(GSS_REQUEST)
    assert.equal((await peer.received(2)).toString(), 'NN')
    peer.socket.write(SSL_REQUEST)
    assert.match((await peer.received()).toString(), /^NNE.*FATAL.*0A000/s)
  })

  it('are not taken for a client’s when they stand behind its request for TLS', async () => {
    for (const proxy of [plain, encrypting]) {
      const peer = await RawPeer.connect(proxy.port)
      peer.socket.write(Buffer.concat([SSL_REQUEST, startup({ user: 'mallory' })]))
      const answer = (await peer.received()).toString()
      assert.match(answer, /^E.*received unencrypted data/s)
    }
  })

  it('must fit the limits of a start-up packet', async () => {
    for (const length of [0, 3, 7, 10_005, 0x7fffffff, -1]) {
      const peer = await RawPeer.connect(plain.port)
      const packet = Buffer.alloc(12)
      packet.writeInt32BE(length, 0)
      peer.socket.write(packet)
      assert.match((await peer.received()).toString(), /FATAL.*08P01.*invalid length/s)
    }
  })

  it('may be any bytes at all: the proxy answers or closes, and serves the next one', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const peer = await RawPeer.connect(plain.port)
      const garbage = Buffer.alloc(seed * 7)
      for (let at = 0; at < garbage.length; at += 1) garbage[at] = (at * seed * 31 + seed) % 256
      peer.socket.end(garbage)
      await peer.received()
      peer.socket.destroy()
    }
    const client = clientOf(plain.port, await world.grant())
    await client.connect()
    await client.end()
  })

  it('negotiate down a newer minor version and unknown protocol options', async () => {
    const peer = await RawPeer.connect(plain.port)
    peer.socket.write(startup({ user: 'nobody', '_pq_.test': '1' }, 9999))
    const answer = await peer.received(9)
    assert.equal(answer.subarray(0, 1).toString(), 'v')
    assert.equal(answer.readInt32BE(5), 0x00030002)
    peer.socket.destroy()
  })

  it('lead into TLS with channel binding, and to a refusal without TLS', async () => {
    const granted = await world.grant()
    const ssl = { ca: readFileSync(CERT), servername: 'localhost' }
    const client = clientOf(encrypting.port, granted, { ssl, enableChannelBinding: true })
    await client.connect()
    await client.query('select 1')
    await client.end()
    const failure = await failureOf(clientOf(encrypting.port, granted).connect())
    assert.equal(failure.code, '28000')
  })

  it('may be direct TLS, if the client names PostgreSQL’s protocol', async () => {
    const options = { port: encrypting.port, ca: readFileSync(CERT), servername: 'localhost' }
    const named = connectTls({ ...options, ALPNProtocols: ['postgresql'] })
    await once(named, 'secureConnect')
    named.write(startup({ user: 'nobody' }))
    const [answer] = (await once(named, 'data')) as [Buffer]
    assert.match(answer.toString(), /^R.*SCRAM-SHA-256-PLUS/s)
    named.destroy()

    const unnamed = connectTls(options)
    unnamed.on('error', () => undefined)
    await once(unnamed, 'close')
  })
})
