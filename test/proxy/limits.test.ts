import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import pg from 'pg'
import type { ProxyLimits } from '../../config.ts'
import { rows } from '../../db/store.ts'
import { clientOf, failureOf, GrantedWorld, type TestProxy } from '../support/granted.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { until } from '../support/until.ts'
import { startupPacket } from './conformance/frontend.ts'
import { RawClient } from './conformance/raw-client.ts'
import { authenticate } from './conformance/scram-login.ts'

describe('the limits of a proxy', () => {
  let world: GrantedWorld
  let hurried: TestProxy

  before(async () => {
    world = await GrantedWorld.make()
    hurried = await limited({ handshakeSeconds: 2, handshakesPerAddress: 3 })
  })
  after(() => world.close())

  /** A proxy that is at its limits soon. */
  function limited(limits: Partial<ProxyLimits>): Promise<TestProxy> {
    return world.startProxy({ proxy: { host: '127.0.0.1', port: 0, tls: undefined, limits } })
  }

  it('end who says nothing for too long, and no one whose transaction is open', async () => {
    const proxy = await limited({ idleSeconds: 1 })
    const granted = await world.grant()
    const [idle, working] = [clientOf(proxy.port, granted), clientOf(proxy.port, granted)]
    const errors: unknown[] = []
    idle.on('error', (error) => errors.push(error))
    await Promise.all([idle.connect(), working.connect()])
    await idle.query('select 1')
    await working.query('begin')
    await until('the idle one is ended', () => Promise.resolve(errors.length > 0))
    const [error] = errors
    assert.ok(error instanceof pg.DatabaseError)
    assert.equal(error.code, '57P05')
    assert.equal(error.message, 'terminating connection due to idle-session timeout')
    await working.query('commit')
    await working.end()
  })

  it('hold the connections of a session to the setting, not to what its user was made for', async () => {
    const proxy = await limited({ sessionConnections: 2 })
    const granted = await world.grant({ connectionLimit: 20 })
    const clients = [1, 2].map(() => clientOf(proxy.port, granted))
    await Promise.all(clients.map((client) => client.connect()))
    const refusal = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(refusal.code, '53300')
    assert.match(refusal.message, /^too many connections for session [0-9]+: at most 2 may be open/)
    await Promise.all(clients.map((client) => client.end()))
  })

  it('end a login that takes too long, in PostgreSQL’s own words', async () => {
    const peer = await RawPeer.connect(hurried.port)
    assert.match((await peer.received()).toString(), /FATAL.*57014.*canceling authentication/s)
    peer.socket.destroy()
  })

  it('end a login that its data source takes too long over, for good', async () => {
    const waiting: Socket[] = []
    const shop = createServer({ allowHalfOpen: true }, (socket) => {
      waiting.push(socket.on('error', () => undefined))
    }).listen(0, '127.0.0.1')
    await once(shop, 'listening')
    shop.unref()
    const granted = await world.grant()
    await world.moveShop({ port: (shop.address() as AddressInfo).port })
    const { username, secret } = granted
    // one that stays when it is told to go
    const client = await RawClient.connect(hurried.port)
    client.say(startupPacket([['user', username]]))
    await assert.rejects(authenticate(client, secret), /C57014/)
    const [asked] = waiting
    assert.ok(asked)
    const ended = once(asked, 'close')
    // now it would answer
    const real = connect(Number(new URL(world.shopUrl).port), '127.0.0.1')
    real.on('error', () => undefined)
    asked.pipe(real).pipe(asked)
    await ended
    shop.close()
    await world.moveShop({})
    client.close()
    const found = await until('its connection is over', async () => {
      const sql = `select backend_pid from connections where session_id = :id and closed_at is not null`
      const over = await rows<{ backend_pid: number | null }>(world.store.db, sql, {
        id: granted.id,
      })
      return over.length > 0 && over
    })
    assert.deepEqual(found, [{ backend_pid: null }])
  })

  it('refuse an address that has too many logins under way', async () => {
    const peers = await Promise.all([1, 2, 3, 4].map(() => RawPeer.connect(hurried.port)))
    const said = await Promise.all(peers.map((peer) => peer.received()))
    const refused = said.filter((bytes) => bytes.includes('53300'))
    assert.equal(refused.length, 1)
    assert.match(refused.join(), /too many connections from this address are logging in at once/)
    for (const { socket } of peers) socket.destroy()
  })

  it('let a transaction come to its end when the proxy stops, and tell who is idle at once', async () => {
    const stopping = await limited({ drainSeconds: 20 })
    const granted = await world.grant()
    const [idle, busy] = [clientOf(stopping.port, granted), clientOf(stopping.port, granted)]
    const errors: string[] = []
    idle.on('error', ({ message }) => errors.push(`idle: ${message}`))
    busy.on('error', ({ message }) => errors.push(`busy: ${message}`))
    await Promise.all([idle.connect(), busy.connect()])
    await busy.query('begin')
    const stopped = stopping.stop()
    await until('the idle one is told', () => Promise.resolve(errors.length > 0))
    assert.match(errors[0] ?? '', /^idle: .*the proxy is shutting down/)
    await assert.rejects(clientOf(stopping.port, granted).connect())
    await busy.query(`insert into goods (name) values ('in time')`)
    await busy.query('commit')
    await stopped
    assert.match(errors.join(), /busy: .*the proxy is shutting down/)
    const kept = await world.onShop(`select from goods where name = 'in time'`)
    assert.equal(kept.length, 1)
    const open = await rows(
      world.store.db,
      `select from connections where session_id = :id and closed_at is null`,
      { id: granted.id },
    )
    assert.equal(open.length, 0)
  })

  it('cut a transaction that does not end in the time it is given', async () => {
    const stopping = await limited({ drainSeconds: 0 })
    const client = clientOf(stopping.port, await world.grant())
    const errors: string[] = []
    client.on('error', ({ message }) => errors.push(message))
    await client.connect()
    await client.query('begin')
    await stopping.stop()
    await until('it is told', () => Promise.resolve(errors.length > 0))
  })

  it('never keep the right secret out for wrong ones', async () => {
    const guessed = await limited({ failedLogins: 2 })
    const granted = await world.grant()
    const failures = [1, 2, 3, 4].map(() =>
      failureOf(clientOf(guessed.port, { ...granted, secret: 'wrong' }).connect()),
    )
    for (const { code } of await Promise.all(failures)) assert.equal(code, '28P01')
    // the door is slow by now
    const client = clientOf(guessed.port, granted)
    await client.connect()
    await client.end()
  })
})
