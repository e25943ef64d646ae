import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen, notify } from '../../db/notices.ts'
import { silentLog } from '../../lib/log.ts'
import { CancelSearch } from '../../proxy/cancel-search.ts'
import { CancelKeys, seek } from '../../proxy/cancel.ts'
import { GuessLimit } from '../../proxy/cancel-limits.ts'
import { Counters } from '../../proxy/counters.ts'
import { encodeCancel } from '../../proxy/wire/startup.ts'
import { GrantedWorld, type TestProxy } from '../support/granted.ts'
import { until } from '../support/until.ts'
import { WireClient } from '../support/wire-client.ts'

/** A target that nobody dials here. */
function target(pid: number) {
  const address = { host: '127.0.0.1', port: 1, tlsMode: 'disable', tlsCa: null } as const
  return { address, backend: { pid, key: Buffer.alloc(4) } }
}

describe('cancel keys', () => {
  const secret = randomBytes(32)

  it('are found by pid and key, and by a proof of them', () => {
    const keys = new CancelKeys()
    const [short, long] = [keys.add(target(7), 0), keys.add(target(7), 2)]
    assert.equal(short.key.length, 4)
    assert.equal(long.key.length, 32)
    for (const { key } of [short, long]) {
      assert.ok(keys.find({ kind: 'cancel', pid: 7, key }))
      assert.ok(keys.take(seek({ kind: 'cancel', pid: 7, key }, secret), secret))
      assert.equal(keys.find({ kind: 'cancel', pid: 8, key }), undefined)
    }
  })

  it('are not found by a wrong key, by a proof under another secret, or by one of another pid', () => {
    const keys = new CancelKeys()
    const { key } = keys.add(target(7), 0)
    keys.add(target(8), 0)
    const sought = seek({ kind: 'cancel', pid: 7, key }, secret)
    assert.equal(keys.take(sought, randomBytes(32)), undefined)
    assert.equal(keys.take({ ...sought, pid: 8 }, secret), undefined)
    assert.equal(keys.take({ ...sought, id: 'another' }, secret), undefined)
    const wrong = seek({ kind: 'cancel', pid: 7, key: Buffer.from(key.map((b) => b ^ 1)) }, secret)
    assert.equal(keys.take(wrong, secret), undefined)
    assert.ok(keys.take(sought, secret))
  })

  it('are taken once for each request: a proof that is heard again is a replay', () => {
    const keys = new CancelKeys()
    const { key, remove } = keys.add(target(7), 2)
    const sought = seek({ kind: 'cancel', pid: 7, key }, secret)
    assert.ok(keys.take(sought, secret))
    assert.equal(keys.take(sought, secret), undefined)
    const again = seek({ kind: 'cancel', pid: 7, key }, secret)
    remove()
    assert.equal(keys.take(again, secret), undefined)
  })

  it('are taken for as many requests as their holder makes', () => {
    const keys = new CancelKeys()
    const { key } = keys.add(target(7), 2)
    for (let count = 0; count < 1_500; count += 1) {
      const sought = seek({ kind: 'cancel', pid: 7, key }, secret)
      assert.ok(keys.take(sought, secret), `request ${String(count)}`)
      assert.equal(keys.take(sought, secret), undefined)
    }
  })

  it('do not appear in what is shown to others', () => {
    const key = randomBytes(32)
    const shown = JSON.stringify(seek({ kind: 'cancel', pid: 7, key }, secret))
    for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      assert.ok(!shown.includes(key.toString(encoding)))
    }
  })
})

describe('guesses at cancel keys', () => {
  it('of one address end at its own limit, and leave room for others', async () => {
    const limit = new GuessLimit({ perAddress: 3, all: 5 })
    const tried = async (address: string, times: number): Promise<number> => {
      let allowed = 0
      for (let at = 0; at < times; at += 1) if (await limit.allows(address)) allowed += 1
      return allowed
    }
    assert.equal(await tried('192.0.2.1', 50), 3)
    assert.equal(await tried('192.0.2.2', 50), 2)
    assert.equal(await tried('192.0.2.3', 50), 0)
  })

  it('count by network where addresses are free to take', async () => {
    const limit = new GuessLimit({ perAddress: 1, all: 9 })
    assert.equal(await limit.allows('2001:db8:1:2::1'), true)
    assert.equal(await limit.allows('2001:db8:1:2:ffff::9'), false)
    assert.equal(await limit.allows('2001:db8:1:3::1'), true)
    assert.equal(await limit.allows('::1'), true)
    assert.equal(await limit.allows('::2'), false)
  })
})

describe('guesses at the keys of a proxy’s own connections', () => {
  let world: GrantedWorld
  let search: CancelSearch
  const keys = new CancelKeys()
  const counters = new Counters()

  before(async () => {
    world = await GrantedWorld.make()
    const secret = randomBytes(32)
    const { store } = world
    search = new CancelSearch({
      ...{ keys, secret, store, counters },
      log: silentLog,
      askSiblings: undefined,
    })
  })
  after(async () => {
    await search.close()
    await world.close()
  })

  /** Nobody waits for an answer here. */
  function forward(key: Buffer, clientIp: string): Promise<void> {
    const gone = AbortSignal.abort()
    return search.forward({ kind: 'cancel', pid: 7, key }, { clientIp, gone })
  }

  it('end at a hundred a second of one network, with whatever key comes then', async () => {
    const { key } = keys.add(target(7), 0)
    const [guesser, neighbour, holder] = ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:3::1']
    for (let count = 0; count < 200; count += 1) await forward(key, guesser)
    assert.equal(counters.cancelsOwn, 200, 'a right key as often as its holder likes')
    const wrong = Buffer.from(key.map((byte) => byte ^ 1))
    for (let count = 0; count < 120; count += 1) await forward(wrong, guesser)
    await forward(key, guesser)
    await forward(key, neighbour)
    assert.equal(counters.cancelsOwn, 200)
    await forward(key, holder)
    assert.equal(counters.cancelsOwn, 201)
  })
})

describe('a cancel request at a proxy of another machine', function () {
  // some are about time: a machine that does other things too may spoil a try
  this.retries(2)

  let world: GrantedWorld
  let near: TestProxy
  let far: TestProxy
  let client: WireClient
  const notices: string[] = []
  let deaf: () => Promise<void>

  before(async () => {
    world = await GrantedWorld.make()
    near = await world.startProxy()
    far = await world.startProxy()
    const listening = listen(world.proxyUrl, 'daypass_cancels', {
      heard: (what) => void notices.push(what ?? 'listening'),
      log: silentLog,
    })
    deaf = () => listening.close()
    await until('listening', () => Promise.resolve(notices.length > 0))
    client = await logIn(2)
  })

  after(async () => {
    client.close()
    await deaf()
    await world.close()
  })

  async function logIn(minor: number): Promise<WireClient> {
    const granted = await world.grant()
    return WireClient.logIn(near.port, granted, { minor, database: world.database })
  }

  /** Resolves with how long it took until the connection was closed, and what was said on it. */
  async function cancelAt(port: number, pid: number, key: Buffer) {
    const since = performance.now()
    const socket = connect({ host: '127.0.0.1', port })
    let said = 0
    socket.on('data', (chunk: Buffer) => (said += chunk.length))
    socket.write(encodeCancel(pid, key))
    await once(socket, 'close')
    return { milliseconds: performance.now() - since, said }
  }

  /** In an array, so that it is not waited for. */
  async function sleeping(asleep: WireClient): Promise<readonly Promise<string | undefined>[]> {
    const outcome = asleep.query('select pg_sleep(20)')
    await world.waitUntilAsleep(asleep.backend.pid)
    return [outcome]
  }

  for (const minor of [0, 2]) {
    it(`reaches its statement through the store, with a key of protocol 3.${String(minor)}`, async () => {
      const asleep = await logIn(minor)
      const { pid, key } = asleep.backend
      assert.equal(key.length, minor === 0 ? 4 : 32)
      const [outcome] = await sleeping(asleep)
      const { milliseconds, said } = await cancelAt(far.port, pid, key)

      assert.equal(await outcome, '57014')
      assert.equal(said, 0)
      assert.ok(milliseconds < 1_500, `closed after ${String(milliseconds)} ms`)
      assert.equal(await asleep.query('select 1'), undefined)
      asleep.close()
    })
  }

  it('is delivered at once by the proxy that has the connection itself', async () => {
    const { pid, key } = client.backend
    const before = notices.length
    const [outcome] = await sleeping(client)
    const { milliseconds, said } = await cancelAt(near.port, pid, key)

    assert.equal(await outcome, '57014')
    assert.equal(said, 0)
    assert.ok(milliseconds < 1_500)
    assert.equal(notices.length, before, 'the store was not asked')
  })

  it('is closed on both sides behind it: who keeps theirs open takes no room here', async () => {
    const { pid, key } = client.backend
    const socket = connect({ host: '127.0.0.1', port: near.port, allowHalfOpen: true })
    socket.on('error', () => undefined).resume()
    socket.write(encodeCancel(pid, key))
    await once(socket, 'end')
    await until('its reset', () => {
      // nobody reads this any more: a side that is closed says so
      if (!socket.destroyed) socket.write('x')
      return Promise.resolve(socket.destroyed)
    })
  })

  it('cancels nothing with a wrong key, and is closed without a word after two seconds', async () => {
    const { pid, key } = client.backend
    const [outcome] = await sleeping(client)
    const wrong = Buffer.from(key.map((byte) => byte ^ 1))
    const heard = notices.length
    const closing = cancelAt(far.port, pid, wrong)
    const question = await until('the question', () => Promise.resolve(notices[heard]))
    const { id } = JSON.parse(question) as { id: string }
    const madeUp = { id, delivered: randomBytes(32).toString('base64url') }
    await notify(world.store.db, 'daypass_cancels', JSON.stringify(madeUp))
    const { milliseconds, said } = await closing

    assert.ok(milliseconds > 1_800 && milliseconds < 4_000, `after ${String(milliseconds)} ms`)
    assert.equal(said, 0)
    await world.waitUntilAsleep(pid)
    await cancelAt(near.port, pid, key)
    assert.equal(await outcome, '57014')
  })

  it('shows the store no key, and can be neither replayed nor made up there', async () => {
    const { pid, key } = client.backend
    const heard = notices.length
    const [first] = await sleeping(client)
    await cancelAt(far.port, pid, key)
    assert.equal(await first, '57014')
    const [question = '', answer = ''] = notices.slice(heard)
    assert.match(question, /"proof"/)
    assert.match(answer, /"delivered"/)
    for (const text of [question, answer]) {
      for (const encoding of ['hex', 'base64', 'base64url'] as const) {
        assert.ok(!text.includes(key.toString(encoding)))
      }
    }

    const [second] = await sleeping(client)
    await notify(world.store.db, 'daypass_cancels', question)
    await notify(world.store.db, 'daypass_cancels', '{"id":"x","pid":1e999,"proof":[]}')
    await notify(world.store.db, 'daypass_cancels', 'no json')
    await sleep(150)
    await world.waitUntilAsleep(pid)
    await cancelAt(near.port, pid, key)
    assert.equal(await second, '57014')
  })

  it('does not load the store when it comes as a flood of guesses', async () => {
    const before = notices.length
    const guesses = Array.from({ length: 120 }, () =>
      cancelAt(far.port, client.backend.pid, randomBytes(32)),
    )
    const since = performance.now()
    const closed = await Promise.all(guesses)
    const asked = notices.length - before
    const seconds = Math.ceil((performance.now() - since) / 1000)
    assert.ok(asked >= 1 && asked <= 10 * seconds, `${String(asked)} notices`)
    assert.ok(closed.filter(({ milliseconds }) => milliseconds < 1_500).length >= 100)
  })
})
