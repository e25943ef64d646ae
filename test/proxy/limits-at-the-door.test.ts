import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Doorway, TooBusy, type Entrant } from '../../proxy/doorway.ts'
import { LoginFailures } from '../../proxy/failures.ts'
import { clientOf, GrantedWorld, type Granted, type TestProxy } from '../support/granted.ts'
import { SlowClient } from '../support/slow-client.ts'
import { until } from '../support/until.ts'

describe('the door of a proxy', function () {
  // some are about time: a machine that does other things too may spoil a try
  this.retries(2)

  let world: GrantedWorld
  let proxy: TestProxy
  let granted: Granted
  const open: Socket[] = []

  before(async () => {
    world = await GrantedWorld.make()
    // a twelfth of it for the start-up packet: a second
    const limits = { handshakeSeconds: 12, handshakes: 6, handshakesPerAddress: 3 }
    proxy = await world.startProxy({
      proxy: { host: '127.0.0.1', port: 0, tls: undefined, limits },
    })
    granted = await world.grant()
  })
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy()
  })
  after(() => world.close())

  /** Somebody who connects from another address of this machine, and says nothing. */
  async function silentFrom(localAddress: string): Promise<{ readonly heard: () => string }> {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', localAddress })
    let heard = ''
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    open.push(socket)
    await once(socket, 'connect')
    return { heard: () => heard }
  }

  it('lets a third person in while two silent networks hold all places', async () => {
    const silent: Awaited<ReturnType<typeof silentFrom>>[] = []
    for (const from of ['127.0.0.2', '127.0.0.3']) {
      for (let at = 0; at < 3; at += 1) silent.push(await silentFrom(from))
    }
    const client = clientOf(proxy.port, granted)
    await client.connect()
    await client.end()
    const told = () => silent.filter(({ heard }) => heard() !== '')
    await until('one is told', () => Promise.resolve(told().length > 0))
    assert.equal(told().length, 1, 'nobody else was in the way')
    assert.match(silent[0]?.heard() ?? '', /FATAL.*53300.*others needed this place/s)
  })

  it('gives who says nothing at all a twelfth of the time, and who has said its name all of it', async () => {
    const slow = await SlowClient.connect(proxy.port, granted)
    await slow.sayName()
    const began = performance.now()
    const { heard } = await silentFrom('127.0.0.2')
    await until('it is told', () => Promise.resolve(heard() !== ''), 3_000)
    assert.match(heard(), /FATAL.*57014.*canceling authentication due to timeout/s)
    assert.ok(performance.now() - began >= 900)
    await slow.chooseMechanism()
    await slow.prove()
    assert.equal((await slow.outcome()).message, 'ready')
  })

  it('keeps the places of those who have proven a secret', async () => {
    const waiting: Socket[] = []
    const shop = createServer((socket) => {
      waiting.push(socket)
      open.push(socket)
    }).listen(0, '127.0.0.1')
    await once(shop, 'listening')
    shop.unref()
    await world.moveShop({ port: (shop.address() as AddressInfo).port })
    const proven = [1, 2, 3].map(() => clientOf(proxy.port, granted))
    const connecting = proven.map((client) => client.connect())
    await until('they wait for the data source', () => Promise.resolve(waiting.length === 3))
    for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6']) {
      await silentFrom(from)
    }
    const { port } = new URL(world.shopUrl)
    for (const socket of waiting) {
      const real = connect(Number(port), '127.0.0.1')
      for (const end of [socket, real]) end.on('error', () => undefined)
      socket.pipe(real).pipe(socket)
    }
    await Promise.all(connecting)
    await Promise.all(proven.map((client) => client.end()))
    await world.moveShop({})
    shop.close()
  })
})

/** Somebody at the door, and what was said to them there. */
class Guest implements Entrant {
  hasProven = false
  told: string | undefined

  refuse({ message }: { readonly message: string }): void {
    this.told = message
  }
}

describe('places at the door', () => {
  let now = 0
  const OTHERS = /^others needed this place/

  /** So many from one address, of whom all get in. */
  function fill(door: Doorway, address: string, count: number): Guest[] {
    return Array.from({ length: count }, () => {
      const guest = new Guest()
      assert.ok(!(door.enter({ address, isSlowed: false }, guest) instanceof TooBusy))
      now += 1
      return guest
    })
  }

  function made(handshakes: number, handshakesPerAddress: number): Doorway {
    return new Doorway({ handshakes, handshakesPerAddress }, () => now)
  }

  it('are few for an address that guesses wrong, and others have theirs', () => {
    const door = made(40, 30)
    const slowed = { address: '10.0.0.1', isSlowed: true }
    const entered = Array.from({ length: 20 }, () => door.enter(slowed, new Guest()))
    assert.equal(entered.filter((place) => place instanceof TooBusy).length, 4)
    fill(door, '10.0.0.2', 1)
    const [leave] = entered
    assert.ok(leave && !(leave instanceof TooBusy))
    leave()
    leave()
    assert.ok(!(door.enter(slowed, new Guest()) instanceof TooBusy))
    assert.ok(door.enter(slowed, new Guest()) instanceof TooBusy, 'given back once')
  })

  it('are counted by network where addresses are free to take', () => {
    const door = made(40, 3)
    fill(door, '2001:db8:1:2::1', 1)
    fill(door, '2001:db8:1:2:ffff::9', 2)
    const more = { address: '2001:db8:1:2:3:4:5:6', isSlowed: false }
    assert.ok(door.enter(more, new Guest()) instanceof TooBusy)
    fill(door, '2001:db8:1:3::1', 1)
  })

  it('are taken from the network that holds most, its oldest first', () => {
    const door = made(6, 4)
    const many = fill(door, '2001:db8::1', 4)
    const few = fill(door, '10.0.0.1', 2)
    fill(door, '10.0.0.2', 1)
    assert.match(many[0]?.told ?? '', OTHERS)
    fill(door, '10.0.0.2', 1)
    assert.match(many[1]?.told ?? '', OTHERS)
    const told = [...many, ...few].filter((guest) => guest.told !== undefined)
    assert.equal(told.length, 2)
  })

  it('are taken from nobody for a network that holds as many itself', () => {
    const door = made(4, 4)
    const [own, others] = [fill(door, '10.0.0.1', 2), fill(door, '10.0.0.2', 2)]
    const more = { address: '10.0.0.1', isSlowed: false }
    assert.ok(door.enter(more, new Guest()) instanceof TooBusy)
    for (const { told } of [...own, ...others]) assert.equal(told, undefined)
  })

  it('pass to a newcomer also where everybody else holds one', () => {
    const door = made(6, 3)
    const many = Array.from({ length: 6 }, (_, at) => fill(door, `2001:db8:0:${String(at)}::1`, 1))
    const [newcomer] = fill(door, '10.0.0.1', 1)
    assert.match(many[0]?.[0]?.told ?? '', OTHERS)
    for (let at = 6; at < 11; at += 1) fill(door, `2001:db8:0:${String(at)}::1`, 1)
    assert.equal(newcomer?.told, undefined)
  })

  it('are given back once by who has lost its own', () => {
    const door = made(2, 2)
    const [first, second] = [new Guest(), new Guest()]
    const leave = door.enter({ address: '10.0.0.1', isSlowed: false }, first)
    now += 1
    door.enter({ address: '10.0.0.2', isSlowed: false }, second)
    fill(door, '10.0.0.3', 1)
    assert.match(String(first.told), OTHERS)
    assert.ok(!(leave instanceof TooBusy))
    leave()
    fill(door, '10.0.0.4', 1)
    assert.match(String(second.told), OTHERS)
  })

  it('are given up for a neighbour by who has had time enough', () => {
    const door = made(40, 2)
    const [slow, young] = fill(door, '10.0.0.1', 2)
    const next = { address: '10.0.0.1', isSlowed: false }
    now += 4_000
    assert.ok(door.enter(next, new Guest()) instanceof TooBusy)
    now += 1_000
    assert.ok(!(door.enter(next, new Guest()) instanceof TooBusy))
    assert.match(slow?.told ?? '', OTHERS)
    assert.equal(young?.told, undefined)
  })

  it('are never taken from who has proven a secret', () => {
    const door = made(2, 2)
    const proven = fill(door, '10.0.0.1', 2)
    for (const guest of proven) guest.hasProven = true
    now += 60_000
    const late = { address: '10.0.0.2', isSlowed: false }
    assert.ok(door.enter(late, new Guest()) instanceof TooBusy)
    assert.ok(door.enter({ ...late, address: '10.0.0.1' }, new Guest()) instanceof TooBusy)
    for (const { told } of proven) assert.equal(told, undefined)
  })
})

describe('wrong secrets', () => {
  it('slow the address that they come from, and no other', () => {
    const failures = new LoginFailures(3)
    for (let count = 0; count < 10; count += 1) failures.note('10.0.0.1', `name${String(count)}`)
    assert.equal(failures.waitAtTheDoor('10.0.0.1'), 700)
    assert.equal(failures.waitAtTheDoor('10.0.0.2'), 0)
    for (let count = 0; count < 1_000; count += 1) failures.note('10.0.0.1', 'mark')
    assert.equal(failures.waitAtTheDoor('10.0.0.1'), 2_000)
  })

  it('slow the whole network where addresses are free to take', () => {
    const failures = new LoginFailures(3)
    for (let count = 0; count < 10; count += 1) {
      failures.note(`2001:db8:1:2::${String(count)}`, 'mark')
    }
    assert.equal(failures.waitAtTheDoor('2001:db8:1:2:9::'), 700)
    assert.equal(failures.waitAtTheDoor('2001:db8:1:3::1'), 0)
    assert.equal(failures.note('2001:db8:1:2:8::', 'mark'), 1_000)
  })

  it('are answered late once there were several for one name', () => {
    const failures = new LoginFailures(100)
    const held = Array.from({ length: 7 }, () => failures.note('10.0.0.1', 'mark'))
    assert.deepEqual(held, [0, 0, 0, 0, 0, 1_000, 1_000])
    assert.equal(failures.note('10.0.0.2', 'mark'), 0)
  })

  it('are forgotten after a minute, and the memory with them', () => {
    let now = 0
    const failures = new LoginFailures(1, () => now)
    for (let at = 0; at < 500; at += 1) {
      failures.note(`10.0.0.${String(at)}`, `name${String(at)}`)
      now += 100
    }
    failures.note('10.0.0.0', 'name0')
    assert.equal(failures.size, 1_500)
    now += 30_000
    assert.equal(failures.waitAtTheDoor('10.0.0.9'), 0)
    assert.equal(failures.size, 900, 'of those of the last minute')
    now += 60_000
    failures.waitAtTheDoor('10.0.0.9')
    assert.equal(failures.size, 0)
  })

  it('keep as much of a name as a name can have', () => {
    const failures = new LoginFailures(100)
    const long = 'n'.repeat(10_000)
    const held = Array.from({ length: 6 }, (_, at) => failures.note('::1', long + String(at)))
    assert.deepEqual(held, [0, 0, 0, 0, 0, 1_000])
    assert.equal(failures.size, 3)
  })
})
