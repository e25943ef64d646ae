import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { Deadlines, type Watched } from '../../proxy/deadline.ts'
import { getGate } from '../../broker/sessions/gate.ts'
import { silentLog } from '../../lib/log.ts'
import { clientOf, failureOf, GrantedWorld, inSeconds, type TestProxy } from '../support/granted.ts'
import { OwnQuery } from '../support/raw-peer.ts'
import { rows } from '../../db/store.ts'

describe('the end of a session', function () {
  // two seconds are what is promised, and a machine that does other things too may spoil a try
  this.retries(2)

  let world: GrantedWorld
  let proxy: TestProxy

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
  })
  after(() => world.close())

  async function connected(endsInSeconds = 3600) {
    const granted = await world.grant({ endsInSeconds })
    const client = clientOf(proxy.port, granted)
    await client.connect()
    const errors = errorsOf(client)
    const pid = (client as unknown as { processID: number }).processID
    return { granted, client, errors, pid }
  }

  it('reaches an idle client as FATAL 57P01 with who ended it, within two seconds', async () => {
    const { granted, errors, pid } = await connected()
    await world.end(granted.id, 'CANCELED', 'mark')
    await until(() => errors.length > 0, 2000)
    assert.equal(errors[0]?.code, '57P01')
    assert.equal(
      errors[0].message,
      `terminating connection: session ${granted.id} was canceled by mark`,
    )
    await world.waitUntilGone(pid)
  })

  it('reaches a client whose statement is running, and stops the backend', async () => {
    const { granted, client, pid } = await connected()
    const asleep = failureOf(client.query('select pg_sleep(30)'))
    await world.waitUntilAsleep(pid)
    const began = Date.now()
    await world.end(granted.id, 'TERMINATED', 'admin')
    const failure = await asleep
    assert.ok(Date.now() - began < 2000)
    assert.equal(failure.code, '57P01')
    assert.match(failure.message, /was terminated by admin$/)
    await world.waitUntilGone(pid)
    const [statement] = await world.statements(granted.id, 1)
    assert.equal(statement?.outcome, 'aborted')
  })

  it('stands between two messages, even of a result that never pauses', async () => {
    const { granted, client } = await connected()
    const sql = `select repeat('x', 3000), generate_series(1, 100000000)`
    const endless = client.query(new OwnQuery((c) => c.query(sql), { keep: false }))
    await sleep(300)
    await world.end(granted.id, 'TERMINATED', 'admin')
    const failure = await failureOf(endless.done)
    assert.equal(failure.code, '57P01')
    assert.ok(endless.rowCount > 0)
  })

  it('reaches a client that was still on its way in when it came', async () => {
    const granted = await world.grant()
    const shopPort = Number(new URL(world.shopUrl).port)
    const dialled: (() => void)[] = []
    const slow = createServer((socket) => {
      socket.on('error', () => undefined).pause()
      dialled.push(() => {
        const real = connect(shopPort, '127.0.0.1').on('error', () => undefined)
        socket.pipe(real).pipe(socket)
      })
    })
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
    await world.moveShop({ port: (slow.address() as AddressInfo).port })
    const client = clientOf(proxy.port, granted)
    const refused = failureOf(client.connect())
    await until(() => dialled.length > 0, 2000)
    await world.end(granted.id, 'TERMINATED', 'admin')
    // the data source says nothing until the client has been told
    const refusal = await refused
    assert.equal(refusal.code, '57P01')
    assert.match(refusal.message, /was terminated by admin$/)
    dialled[0]?.()
    await world.moveShop({})
    slow.close()
  })

  it('comes within two seconds when the requester is disabled, who is told so at the next login', async () => {
    const { granted, errors, pid } = await connected()
    await rows(
      world.store.db,
      `update people set disabled_at = now()
        where id = (select requester_id from sessions where id = :id)`,
      { id: granted.id },
    )
    await until(() => errors.length > 0, 2000)
    const sentence = `session ${granted.id} is over: its requester is disabled`
    assert.equal(errors[0]?.message, `terminating connection: ${sentence}`)
    await world.waitUntilGone(pid)
    const refusal = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(refusal.code, '28000')
    assert.ok(refusal.message.startsWith(sentence))
  })

  it('reaches a client that is sending a COPY, and one that does not read the COPY it asked for', async () => {
    const phases = [copyIn, stalledCopyOut]
    for (const phase of phases) {
      const { granted, client, pid } = await connected()
      const { socket, closed } = phase(client)
      await sleep(300)
      const decided = performance.now()
      await world.end(granted.id, 'TERMINATED', 'admin')
      socket.resume()
      await closed
      assert.ok(performance.now() - decided < 2000, phase.name)
      await world.waitUntilGone(pid)
    }
  })

  it('comes by the clock when nobody says so', async () => {
    const { errors } = await connected(1.5)
    await until(() => errors.length > 0, 3500)
    assert.match(errors[0]?.message ?? '', /session [0-9]+ has expired/)
  })

  it('comes by this process’s own clock while the store is away', async () => {
    const granted = await world.grant({ endsInSeconds: 1 })
    const gate = await getGate(world.store.db, granted.id)
    const nowhere = { ...world.store, url: 'postgres://127.0.0.1:1/none' }
    const broken = Object.assign(nowhere, { db: world.unreachable() })
    const deadlines = new Deadlines(broken, silentLog)
    const said: string[] = []
    deadlines.watch(gate, listener(said))
    await until(() => said.length > 0, 3000)
    await deadlines.close()
    assert.deepEqual(said, [`cut: session ${granted.id} has expired`])
  })

  it('comes in time however long the login took since the store was asked', async () => {
    const granted = await world.grant()
    const gate = await getGate(world.store.db, granted.id)
    const deadlines = new Deadlines(world.store, silentLog)
    const said: string[] = []
    const askedBefore = { ...gate, readAt: gate.readAt - 60_000 }
    deadlines.watch({ ...askedBefore, end: gate.now.plus({ seconds: 30 }) }, listener(said))
    await until(() => said.length > 0, 2000)
    await deadlines.close()
    assert.deepEqual(said, [`cut: session ${granted.id} has expired`])
  })

  it('is announced ten minutes and one minute before, once each, when the client is idle', async () => {
    const granted = await world.grant()
    const gate = await getGate(world.store.db, granted.id)
    const deadlines = new Deadlines(world.store, silentLog)
    const [soon, sooner]: [string[], string[]] = [[], []]
    const now = gate.now
    deadlines.watch({ ...gate, end: now.plus({ minutes: 10, seconds: 1 }) }, listener(soon))
    deadlines.watch({ ...gate, end: now.plus({ seconds: 61 }) }, listener(sooner))
    await sleep(3200)
    await deadlines.close()
    assert.deepEqual(soon, [`warn: session ${granted.id} ends in 10 minutes`])
    assert.deepEqual(sooner, [`warn: session ${granted.id} ends in a minute`])
  })

  it('is announced to node-postgres as a notice', async () => {
    const { client } = await connected(61.5)
    const notices: string[] = []
    client.on('notice', ({ message }) => notices.push(message ?? ''))
    await until(() => notices.length > 0, 4000)
    await client.end()
    assert.match(notices[0] ?? '', /^session [0-9]+ ends in a minute$/)
  })

  it('is told to everyone when the proxy shuts down', async () => {
    const other = await world.startProxy()
    const client = clientOf(other.port, await world.grant())
    await client.connect()
    const errors = errorsOf(client)
    await other.stop()
    await until(() => errors.length > 0, 1000)
    assert.equal(errors[0]?.code, '57P01')
    assert.match(errors[0].message, /the proxy is shutting down/)
    const open = await rows(world.store.db, `select from connections where closed_at is null`)
    assert.equal(open.length, 0)
  })
})

interface Phase {
  readonly socket: Socket
  readonly closed: Promise<unknown>
}

function copyIn(client: pg.Client): Phase {
  void failureOf(client.query('copy goods (name) from stdin')).catch(() => undefined)
  return phaseOf(client)
}

function stalledCopyOut(client: pg.Client): Phase {
  const sql = `copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout`
  void client.query(new OwnQuery((c) => c.query(sql), { keep: false }))
  const phase = phaseOf(client)
  phase.socket.pause()
  return phase
}

function phaseOf(client: pg.Client): Phase {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection
  return { socket: stream, closed: new Promise((resolve) => stream.once('close', resolve)) }
}

/** The errors that a client reports by itself, as they come. */
function errorsOf(client: pg.Client): pg.DatabaseError[] {
  const errors: pg.DatabaseError[] = []
  client.on('error', (error) => {
    if (error instanceof pg.DatabaseError) errors.push(error)
  })
  return errors
}

function listener(said: string[]): Watched {
  return {
    cut: (sentence) => said.push(`cut: ${sentence}`),
    warn: (sentence) => said.push(`warn: ${sentence}`) > 0,
  }
}

async function until(isSo: () => boolean, most: number): Promise<void> {
  const deadline = inSeconds(most / 1000).toMillis()
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error('it did not happen in time')
    await sleep(10)
  }
}
