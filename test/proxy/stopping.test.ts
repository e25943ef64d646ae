import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import path from 'node:path'
import { rows } from '../../db/store.ts'
import { encodeCancel } from '../../proxy/wire/startup.ts'
import { clientOf, failureOf, GrantedWorld } from '../support/granted.ts'
import { startProxyCrew } from '../support/proxy-crew.ts'
import { RawPeer, SSL_REQUEST } from '../support/raw-peer.ts'
import { beginTls, SlowClient } from '../support/slow-client.ts'
import { until } from '../support/until.ts'

const TLS_FOLDER = path.join(import.meta.dirname, '..', 'support', 'tls')
const CERT = path.join(TLS_FOLDER, 'cert.pem')
const SENTENCE = 'the proxy is shutting down: try again in a moment'

describe('a proxy that stops', function () {
  // some are about time: a machine that does other things too may spoil a try
  this.retries(2)

  let world: GrantedWorld

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(() => world.close())

  function startEncrypting() {
    const tls = { cert: CERT, key: path.join(TLS_FOLDER, 'key.pem') }
    return world.startProxy({ proxy: { host: '127.0.0.1', port: 0, tls } })
  }

  it('tells those who are proving their secret, and takes no proof any more', async () => {
    const proxy = await world.startProxy()
    const granted = await world.grant()
    const [named, proving] = [
      await SlowClient.connect(proxy.port, granted),
      await SlowClient.connect(proxy.port, granted),
    ]
    await named.sayName()
    await proving.sayName()
    await proving.chooseMechanism()
    const stopped = proxy.stop()
    const outcomes = [await named.outcome(), await proving.outcome()]
    await proving.prove()
    await Promise.all([named.closed(), proving.closed(), stopped])
    for (const { sqlstate, message } of outcomes) {
      assert.deepEqual([sqlstate, message], ['57P03', SENTENCE])
    }
    const found = await rows(world.store.db, 'select from connections where session_id = :id', {
      id: granted.id,
    })
    assert.equal(found.length, 0)
  })

  it('tells those who have said nothing yet, in clear and behind TLS', async () => {
    const proxy = await startEncrypting()
    const silent = await RawPeer.connect(proxy.port)
    const handshake = await beginTls(proxy.port, readFileSync(CERT))
    const encrypted = new SlowClient(await handshake.finish(), await world.grant())
    // the last to arrive is served: so are those before it
    await encrypted.sayName()
    const stopped = proxy.stop()
    assert.equal((await encrypted.outcome()).sqlstate, '57P03')
    assert.match((await silent.received()).toString(), /^E.*FATAL.*57P03.*the proxy is shutting/s)
    await encrypted.closed()
    silent.socket.destroy()
    await stopped
  })

  it('closes without a word in the middle of a TLS handshake, and behind a cancel request', async () => {
    const proxy = await startEncrypting()
    const canceling = await RawPeer.connect(proxy.port)
    // of nobody's key: it is looked for on other machines
    canceling.socket.write(encodeCancel(1, Buffer.alloc(4)))
    const answered = await RawPeer.connect(proxy.port)
    answered.socket.write(SSL_REQUEST)
    await answered.received(1)
    const handshake = await beginTls(proxy.port, readFileSync(CERT))
    assert.ok(!canceling.socket.readableEnded, 'the request waits')
    const stopped = proxy.stop()
    assert.equal((await handshake.closed()).length, 0)
    assert.equal((await answered.received()).toString(), 'S')
    assert.equal((await canceling.received()).length, 0)
    for (const { socket } of [answered, canceling]) socket.destroy()
    await stopped
  })

  it('tells those who wait for a data source that does not answer, and records it', async () => {
    const proxy = await world.startProxy()
    const granted = await world.grant()
    const silent = createServer((socket) => socket.on('error', () => undefined).resume())
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const dialled = once(silent, 'connection')
    await world.moveShop({ port: (silent.address() as AddressInfo).port })
    const refused = failureOf(clientOf(proxy.port, granted).connect())
    await dialled
    await proxy.stop()
    const refusal = await refused
    assert.deepEqual([refusal.code, refusal.message], ['57P03', SENTENCE])
    const found = await rows<{ why: string }>(
      world.store.db,
      `select close_reason as why from connections where session_id = :id and closed_at is not null`,
      { id: granted.id },
    )
    assert.deepEqual(found, [{ why: `refused: ${SENTENCE}` }])
    await world.moveShop({})
    silent.close()
  })

  it('goes on with what it gave time to when it is asked to stop again', async () => {
    const crew = await startProxyCrew(world, { processes: 1 })
    const client = clientOf(crew.port, await world.grant())
    const told: string[] = []
    client.on('error', (error: Error & { code?: string }) => told.push(error.code ?? error.message))
    await client.connect()
    await client.query('begin')
    process.kill(crew.pid, 'SIGTERM')
    await until('it listens no more', () => isRefused(crew.port))
    process.kill(crew.pid, 'SIGTERM')
    await client.query(`insert into goods (name) values ('after the second')`)
    await client.query('commit')
    await until('the client is told', () => Promise.resolve(told.length > 0))
    assert.equal(told[0], '57P01')
    assert.equal(await crew.stop(), 0)
    const kept = await world.onShop(`select from goods where name = 'after the second'`)
    assert.equal(kept.length, 1)
  })
})

async function isRefused(port: number): Promise<boolean> {
  const peer = await RawPeer.connect(port).catch(() => undefined)
  peer?.socket.destroy()
  return peer === undefined
}
