import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import pg from 'pg'
import type { Statement } from '../../db/statements.ts'
import { clientOf, GrantedWorld, type Granted, type TestProxy } from '../support/granted.ts'
import { OwnQuery } from '../support/raw-peer.ts'

/** The recording says what had been carried, and its digest, however a COPY ended. */
describe('a COPY that fails before its end, through the proxy', () => {
  let world: GrantedWorld
  let proxy: TestProxy
  let granted: Granted
  let client: pg.Client

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
  })
  after(() => world.close())

  beforeEach(async () => {
    granted = await world.grant()
    client = clientOf(proxy.port, granted)
    client.on('error', () => undefined)
    await client.connect()
  })
  afterEach(() => client.end().catch(() => undefined))

  /** Begins one that takes data, and returns once the server wants some. */
  async function begin(sql: string, say?: (connection: pg.Connection) => void): Promise<CopyingIn> {
    const copying = new CopyingIn(say ?? ((connection) => connection.query(sql)))
    client.query(copying)
    await copying.wanted
    return copying
  }

  function asSent(statement: Statement | undefined, ...data: readonly string[]): void {
    const all = data.join('')
    assert.equal(statement?.kind, 'copy in')
    assert.equal(statement.outcome, 'error')
    assert.equal(statement.bytes, all.length)
    assert.equal(statement.copyDigest, digestOf(all))
  }

  it('keeps what had been sent when the server refused it, and nothing of what came behind', async () => {
    const copying = await begin('copy goods (id) from stdin')
    copying.send('101\n')
    copying.send('no number\n')
    await assert.rejects(copying.done, /invalid input syntax/)
    copying.send('102\n')
    copying.finish()
    await client.query('select 1')

    const [copy, select] = await world.statements(granted.id, 2)
    asSent(copy, '101\n', 'no number\n')
    assert.deepEqual([select?.kind, select?.outcome, select?.copyDigest], ['simple', 'ok', null])
  })

  it('keeps it in the extended protocol, where what is behind it is skipped up to the Sync', async () => {
    const copying = await begin('', (connection) => {
      connection.parse({ name: '', text: 'copy goods (id) from stdin', types: [] }, true)
      connection.bind({}, true)
      connection.execute({}, true)
      connection.flush()
    })
    copying.send('no number\n')
    await copying.failed
    copying.send('103\n')
    copying.finish()
    copying.sync()
    await assert.rejects(copying.done, /invalid input syntax/)
    await client.query('select 1')

    const [copy, select] = await world.statements(granted.id, 2)
    asSent(copy, 'no number\n')
    assert.equal(select?.copyDigest, null)
  })

  it('keeps what had been sent when the client gave it up', async () => {
    const copying = await begin('copy goods (name) from stdin')
    copying.send('apple\npe')
    copying.send('ar\n')
    copying.giveUp()
    await assert.rejects(copying.done, /changed its mind/)

    const [copy] = await world.statements(granted.id, 1)
    asSent(copy, 'apple\npe', 'ar\n')
  })

  it('keeps it when the data source ended the connection', async () => {
    const { processID } = client as unknown as { processID: number }
    const copying = await begin('copy goods (name) from stdin')
    copying.send('apple\n')
    await world.onShop(`select pg_terminate_backend(${processID})`)
    await assert.rejects(copying.done)

    const [copy] = await world.statements(granted.id, 1)
    asSent(copy, 'apple\n')
    assert.equal(copy?.sqlstate, '57P01')
  })

  it('keeps it when the session ended', async () => {
    const copying = await begin('copy goods (name) from stdin')
    copying.send('apple\n')
    await world.end(granted.id, 'CANCELED', 'erin')
    await assert.rejects(copying.done)

    const [copy] = await world.statements(granted.id, 1)
    assert.equal(copy?.bytes, 6)
    assert.equal(copy.copyDigest, digestOf('apple\n'))
  })

  it('keeps it when the client vanished', async () => {
    const copying = await begin('copy goods (name) from stdin')
    copying.send('apple\n')
    copying.vanish()

    const [copy] = await world.statements(granted.id, 1)
    assert.equal(copy?.bytes, 6)
    assert.equal(copy.copyDigest, digestOf('apple\n'))
  })

  it('keeps each of two in one Query apart, the second of which failed', async () => {
    const sql = 'copy goods (name) from stdin; copy goods (id) from stdin'
    const copying = await begin(sql)
    copying.send('apple\n')
    copying.finish()
    copying.send('no number\n')
    await assert.rejects(copying.done, /invalid input syntax/)
    copying.finish()
    await client.query('select 1')

    const [first, second] = await world.statements(granted.id, 3)
    assert.deepEqual([first?.bytes, first?.copyDigest], [6, digestOf('apple\n')])
    asSent(second, 'no number\n')
  })

  it('keeps the rows that went out before an error', async () => {
    const out = new OwnQuery((connection) =>
      connection.query('copy (select 6 / (3 - n) from generate_series(1, 5) n) to stdout'),
    )
    client.query(out)
    await assert.rejects(out.done, /division by zero/)

    assert.equal(Buffer.concat(out.copied).toString(), '3\n6\n')
    const [copy] = await world.statements(granted.id, 1)
    assert.deepEqual([copy?.kind, copy?.outcome, copy?.bytes], ['copy out', 'error', 4])
    assert.equal(copy?.copyDigest, digestOf('3\n6\n'))
  })
})

/** A COPY whose data is sent piece by piece, and that ends when it is told to. */
class CopyingIn extends OwnQuery {
  readonly wanted: Promise<void>
  readonly failed: Promise<void>
  #connection: (pg.Connection & CopyMethods) | undefined
  #want: () => void = () => undefined
  #fail: () => void = () => undefined

  constructor(say: (connection: pg.Connection) => void) {
    super(say)
    this.wanted = new Promise((resolve) => (this.#want = resolve))
    this.failed = new Promise((resolve) => (this.#fail = resolve))
  }

  override handleCopyInResponse(connection: pg.Connection & CopyMethods): void {
    this.#connection = connection
    this.#want()
  }

  override handleError(error: Error): void {
    this.#fail()
    super.handleError(error)
  }

  send(data: string): void {
    this.#connection?.sendCopyFromChunk(Buffer.from(data))
  }

  finish(): void {
    this.#connection?.endCopyFrom()
  }

  giveUp(): void {
    this.#connection?.sendCopyFail('the client has changed its mind')
  }

  sync(): void {
    this.#connection?.sync()
  }

  vanish(): void {
    this.#connection?.stream.destroy()
  }
}

interface CopyMethods {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
