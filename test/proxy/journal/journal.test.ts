import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { listConnections } from '../../../db/connections.ts'
import { clientOf, failureOf, GrantedWorld, OPERATOR } from '../../support/granted.ts'

const CHILD = join(import.meta.dirname, '../proxy-child.ts')

describe('the journal of a proxy', () => {
  let world: GrantedWorld
  const folders: string[] = []

  before(async () => {
    world = await GrantedWorld.make()
  })
  after(async () => {
    await world.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  function folder(): string {
    const made = mkdtempSync(join(tmpdir(), 'daypass-journal-'))
    folders.push(made)
    return made
  }

  it('is for its owner alone, and empty once all is in the store', async () => {
    const proxy = await world.startProxy()
    const granted = await world.grant()
    const client = clientOf(proxy.port, granted)
    await client.connect()
    await client.query('select 1')
    const journal = join(proxy.dataDir, 'journal')
    const [segment = ''] = readdirSync(journal).filter((name) => name.endsWith('.journal'))
    assert.equal(statSync(join(journal, segment)).mode & 0o777, 0o600)
    assert.equal(statSync(journal).mode & 0o777, 0o700)
    await client.end()
    await world.statements(granted.id, 1)
    await proxy.stop()
    assert.deepEqual(readdirSync(journal), ['proxy-id'])
  })

  it('outlives a killed proxy: finished statements are whole, the running one is unknown', async () => {
    const dataDir = folder()
    const granted = await world.grant()
    // the store is out of reach for the first proxy once the client is in, so only the journal knows
    const gate = await StoreGate.open(world.proxyUrl)
    const first = await startChild(world, gate.url, dataDir)
    const client = clientOf(first.port, granted)
    client.on('error', () => undefined)
    await client.connect()
    gate.shut()
    for (const n of [1, 2, 3]) await client.query('select $1::int', [n])
    const asleep = client.query('select pg_sleep(30)').catch(() => undefined)
    await world.waitUntilAsleep((client as unknown as { processID: number }).processID)
    first.process.kill('SIGKILL')
    await once(first.process, 'exit')
    await asleep
    await gate.close()
    assert.equal((await world.statements(granted.id, 0)).length, 0)

    const second = await startChild(world, world.proxyUrl, dataDir)
    const statements = await world.statements(granted.id, 4)
    assert.deepEqual(
      statements.map(({ text, values, outcome }) => [text, values, outcome]),
      [
        ['select $1::int', ['1'], 'ok'],
        ['select $1::int', ['2'], 'ok'],
        ['select $1::int', ['3'], 'ok'],
        ['select pg_sleep(30)', [], 'unknown'],
      ],
    )
    const [connection] = await listConnections(world.store.db, OPERATOR, granted.id)
    assert.equal(connection?.closeReason, 'the proxy was restarted')
    second.process.kill('SIGKILL')
    await once(second.process, 'exit')
  })

  it('keeps what runs while the store is away, and ships it once when the store is back', async () => {
    const gate = await StoreGate.open(world.proxyUrl)
    const proxy = await world.startProxy({ url: gate.url })
    const granted = await world.grant()
    const client = clientOf(proxy.port, granted)
    await client.connect()
    gate.shut()
    for (let n = 0; n < 50; n += 1) await client.query(`select ${String(n)}`)
    await sleep(500)
    assert.equal((await world.statements(granted.id, 0)).length, 0)
    gate.reopen()
    for (let patience = 60; patience > 0; patience -= 1) {
      if ((await world.statements(granted.id, 0)).length === 50) break
      await sleep(100)
    }
    const statements = await world.statements(granted.id, 50)
    assert.equal(new Set(statements.map(({ text }) => text)).size, 50)
    assert.equal(statements.length, 50)
    await client.end()
    await proxy.stop()
    await gate.close()
  })

  it('that the disk refuses lets nothing run: FATAL 53100, and the server never saw it', async () => {
    let isFull = false
    const write: typeof writeSync = ((...args: Parameters<typeof writeSync>) => {
      if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      return writeSync(...args)
    }) as typeof writeSync
    const proxy = await world.startProxy({ write })
    const granted = await world.grant()
    const client = clientOf(proxy.port, granted)
    client.on('error', () => undefined)
    await client.connect()
    await client.query('select 1')
    isFull = true
    const failure = await failureOf(client.query(`insert into goods (name) values ('unrecorded')`))
    isFull = false
    assert.equal(failure.code, '53100')
    assert.match(failure.message, /can't be recorded/)
    assert.deepEqual(await world.onShop(`select from goods where name = 'unrecorded'`), [])

    const next = clientOf(proxy.port, granted)
    await next.connect()
    await next.query('select 2')
    await next.end()
    const statements = await world.statements(granted.id, 2)
    assert.deepEqual(
      statements.map(({ text }) => text),
      ['select 1', 'select 2'],
    )
  })

  it('that the disk refuses in the middle of a statement lets its answer through, and still says how it ended', async () => {
    let isFull = false
    const write: typeof writeSync = ((...args: Parameters<typeof writeSync>) => {
      if (isFull) throw new Error('no space left on device')
      return writeSync(...args)
    }) as typeof writeSync
    const proxy = await world.startProxy({ write })
    const granted = await world.grant()
    const client = clientOf(proxy.port, granted)
    client.on('error', () => undefined)
    await client.connect()
    const answered = client.query('select pg_sleep(0.3)')
    await sleep(100)
    isFull = true
    await answered
    assert.equal((await failureOf(client.query('select 1'))).code, '53100')
    isFull = false
    const statements = await world.statements(granted.id, 1)
    assert.deepEqual(
      statements.map(({ text, outcome }) => [text, outcome]),
      [['select pg_sleep(0.3)', 'ok']],
    )
  })

  it('belongs to one proxy at a time', async () => {
    const dataDir = folder()
    const child = await startChild(world, world.proxyUrl, dataDir)
    await assert.rejects(world.startProxy({ dataDir }), { code: 'journal_in_use' })
    child.process.kill('SIGKILL')
    await once(child.process, 'exit')
    const proxy = await world.startProxy({ dataDir })
    await proxy.stop()
  })
})

describe('a port in use', () => {
  it('stops the start with the setting’s name', async () => {
    const world = await GrantedWorld.make()
    const { port } = await world.startProxy()
    await assert.rejects(
      world.startProxy({ proxy: { host: '127.0.0.1', port, tls: undefined } }),
      /DAYPASS_PROXY_PORT/,
    )
    await world.close()
  })
})

async function startChild(world: GrantedWorld, url: string, dataDir: string) {
  const key = world.masterKey.toString('hex')
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', CHILD, url, key, dataDir],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const { stdout } = child
  assert.ok(stdout)
  const [line] = (await once(stdout, 'data')) as [Buffer]
  return { process: child, port: Number(line.toString()) }
}

/** A way to the store that can be shut. */
class StoreGate {
  readonly url: string
  readonly #server: ReturnType<typeof createServer>
  readonly #sockets = new Set<Socket>()
  #isOpen = true

  private constructor(server: ReturnType<typeof createServer>, url: string) {
    this.#server = server
    this.url = url
  }

  static async open(url: string): Promise<StoreGate> {
    const to = new URL(url)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const through = new URL(url)
    through.port = String((server.address() as AddressInfo).port)
    const gate = new StoreGate(server, through.href)
    server.on('connection', (socket) => gate.#carry(socket, Number(to.port)))
    return gate
  }

  shut(): void {
    this.#isOpen = false
    for (const socket of this.#sockets) socket.destroy()
  }

  reopen(): void {
    this.#isOpen = true
  }

  async close(): Promise<void> {
    this.shut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #carry(socket: Socket, port: number): void {
    if (!this.#isOpen) return void socket.destroy()
    const store = connect(port, '127.0.0.1')
    for (const end of [socket, store]) {
      this.#sockets.add(end)
      end.on('error', () => undefined)
      end.on('close', () => {
        this.#sockets.delete(end)
        socket.destroy()
        store.destroy()
      })
    }
    socket.pipe(store).pipe(socket)
  }
}
