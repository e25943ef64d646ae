import assert from 'node:assert/strict'
import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { rows } from '../../db/store.ts'
import { clientOf, failureOf, GrantedWorld, type TestProxy } from '../support/granted.ts'
import { RawPeer, startup } from '../support/raw-peer.ts'

describe('admission', () => {
  let world: GrantedWorld
  let proxy: TestProxy

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
  })
  after(() => world.close())

  it('answers a wrong secret and an unknown name with the same bytes', async () => {
    const granted = await world.grant()
    const unknown = { ...granted, username: granted.username.replace(/.{12}$/, 'ffffffffffff') }
    const wrong = await failureOf(clientOf(proxy.port, { ...granted, secret: 'guess' }).connect())
    const nobody = await failureOf(clientOf(proxy.port, unknown).connect())

    const seen = ({ message, ...rest }: pg.DatabaseError, name: string) => ({
      ...rest,
      message: message.replace(name, 'NAME'),
    })
    assert.equal(wrong.code, '28P01')
    assert.deepEqual(seen(wrong, granted.username), seen(nobody, unknown.username))
  })

  it('shows an unknown name the same salt every time, and of the usual length', async () => {
    const granted = await world.grant()
    const [known, first, again, other] = await Promise.all(
      [granted.username, 'dp_nobody_1', 'dp_nobody_1', 'dp_nobody_2'].map((user) =>
        challenge(proxy.port, user),
      ),
    )
    assert.equal(first?.salt, again?.salt)
    assert.notEqual(first?.salt, other?.salt)
    assert.equal(first?.salt.length, known?.salt.length)
    assert.equal(first?.iterations, known?.iterations)
  })

  it('tells the right secret who ended its session, and when its window was', async () => {
    const granted = await world.grant()
    await world.end(granted.id, 'CANCELED', 'mark')
    const failure = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(failure.code, '28000')
    assert.match(
      failure.message,
      new RegExp(`^session ${granted.id} was canceled by mark; its window is 2.* UTC to 2.* UTC$`),
    )
    const wrong = await failureOf(clientOf(proxy.port, { ...granted, secret: 'x' }).connect())
    assert.equal(wrong.code, '28P01')
  })

  it('knows an ended session for a day, and nobody after that', async () => {
    const granted = await world.grant()
    await world.end(granted.id, 'CANCELED', 'mark')
    await rows(
      world.store.db,
      `update sessions set ended_at = ended_at - interval '25 hours' where id = :id`,
      { id: granted.id },
    )
    const failure = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(failure.code, '28P01')
  })

  it('refuses a window that is over by the store’s clock, whatever the state says', async () => {
    const granted = await world.grant({ endsInSeconds: -1 })
    const failure = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(failure.code, '28000')
    assert.match(failure.message, /has expired; its window is/)
  })

  it('refuses a session that is approved only', async () => {
    const granted = await world.grant({ state: 'APPROVED' })
    const failure = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(failure.code, '28000')
    assert.match(failure.message, /is not granted yet/)
  })

  it('refuses a secret that a newer one replaced', async () => {
    const granted = await world.grant()
    await rows(
      world.store.db,
      `update session_credentials set ended_at = now() where session_id = :id`,
      { id: granted.id },
    )
    assert.equal((await failureOf(clientOf(proxy.port, granted).connect())).code, '28P01')
  })

  it('opens the data source’s databases and no others', async () => {
    const granted = await world.grant()
    const asked = clientOf(proxy.port, granted, { database: 'postgres' })
    const failure = await failureOf(asked.connect())
    assert.equal(failure.code, '3D000')
    assert.match(failure.message, /data source "shop" does not open database "postgres"/)
  })

  it('refuses replication', async () => {
    const granted = await world.grant()
    const config = { replication: 'database' } as pg.ClientConfig
    const failure = await failureOf(clientOf(proxy.port, granted, config).connect())
    assert.equal(failure.code, '0A000')
  })

  it('waits a moment for a place whose client has just left', async () => {
    const granted = await world.grant({ connectionLimit: 1 })
    const first = clientOf(proxy.port, granted)
    await first.connect()
    const next = clientOf(proxy.port, granted)
    const connecting = next.connect()
    await sleep(200)
    await first.end()
    await connecting
    await next.end()
  })

  it('counts open connections, and lets the next one in when one has closed', async () => {
    const granted = await world.grant({ connectionLimit: 2 })
    const clients = [clientOf(proxy.port, granted), clientOf(proxy.port, granted)]
    await Promise.all(clients.map((client) => client.connect()))
    const failure = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(failure.code, '53300')
    assert.match(failure.message, /too many connections for session [0-9]+: at most 2/)

    await Promise.all(clients.map((client) => client.end()))
    for (let patience = 50; ; patience -= 1) {
      const next = clientOf(proxy.port, granted)
      const isIn = await next.connect().then(
        () => true,
        () => false,
      )
      if (isIn) return next.end()
      assert.ok(patience > 0, 'nobody was let in again')
      await sleep(20)
    }
  })

  it('waits for a login that is just being opened, but not for ever', async () => {
    const granted = await world.grant({ isLetIn: false })
    const client = clientOf(proxy.port, granted)
    const connecting = client.connect()
    await sleep(300)
    await rows(world.store.db, `update session_users set login_at = now() where session_id = :id`, {
      id: granted.id,
    })
    await connecting
    await client.end()

    const never = await world.grant({ isLetIn: false })
    const began = Date.now()
    const failure = await failureOf(clientOf(proxy.port, never).connect())
    assert.equal(failure.code, '57P03')
    assert.ok(Date.now() - began >= 1900)
  })
})

/** What the proxy says to the first message of a SCRAM exchange. */
async function challenge(port: number, user: string) {
  const peer = await RawPeer.connect(port)
  peer.socket.write(startup({ user }))
  const offered = await peer.received(10)
  const first = Buffer.from('n,,n=,r=abcdefgh')
  const body = Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), int32(first.length), first])
  peer.socket.write(Buffer.concat([Buffer.from('p'), int32(body.length + 4), body]))
  const answer = (await peer.received(offered.length + 60)).subarray(offered.length).toString()
  peer.socket.destroy()
  const [, salt = '', iterations = ''] = /,s=([^,]+),i=([0-9]+)/.exec(answer) ?? []
  return { salt, iterations }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
