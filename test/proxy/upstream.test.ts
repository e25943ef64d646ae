import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { rows } from '../../db/store.ts'
import { logIn } from '../../proxy/upstream.ts'
import { clientOf, failureOf, GrantedWorld, type TestProxy } from '../support/granted.ts'
import { until } from '../support/until.ts'

const TLS_FOLDER = join(import.meta.dirname, '../support/tls')
const CERT = readFileSync(join(TLS_FOLDER, 'cert.pem'), 'utf8')
const KEY = readFileSync(join(TLS_FOLDER, 'key.pem'), 'utf8')

describe('a data source', () => {
  let world: GrantedWorld
  let proxy: TestProxy
  const servers: Server[] = []

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
    await world.grant()
  })
  afterEach(() => world.moveShop({}))
  after(async () => {
    for (const server of servers) server.close()
    await world.close()
  })

  async function serve(meet: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      meet(socket)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  /** A server of TLS in front of the real one. */
  function serveTls(socket: Socket): void {
    socket.once('data', () => {
      socket.write('S')
      const secureContext = createSecureContext({ cert: CERT, key: KEY })
      const encrypted = new TLSSocket(socket, { isServer: true, secureContext })
      const real = connect(Number(new URL(world.shopUrl).port), '127.0.0.1')
      for (const end of [encrypted, real]) end.on('error', () => undefined)
      encrypted.pipe(real).pipe(encrypted)
    })
  }

  it('that nobody answers for is 08006', async () => {
    const port = await serve(() => undefined)
    servers.pop()?.close()
    const granted = await world.grant()
    await world.moveShop({ port })
    const failure = await failureOf(clientOf(proxy.port, granted).connect())
    assert.equal(failure.code, '08006')
  })

  it('may say what it wants at login: the client gets 08006, and the proxy lives on', async () => {
    const hostile: Record<string, Buffer> = {
      'nothing at all': Buffer.alloc(0),
      'a web page': Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      'an unterminated error': Buffer.from('45000000095358585858', 'hex'),
      'a length of 2 GiB': Buffer.from('527fffffff00000000', 'hex'),
      'a length of 3': Buffer.from('5200000003', 'hex'),
      'come in, unproven': Buffer.from('5200000008000000005a0000000549', 'hex'),
      'your password, please': Buffer.from('520000000800000003', 'hex'),
    }
    for (const [what, bytes] of Object.entries(hostile)) {
      const port = await serve((socket) => {
        socket.once('data', () => socket.end(bytes))
      })
      const granted = await world.grant()
      await world.moveShop({ port })
      const failure = await failureOf(clientOf(proxy.port, granted).connect())
      assert.equal(failure.code, '08006', what)
      assert.doesNotMatch(failure.message, /secret|dp_mark/)
      await world.moveShop({})
    }
    const client = clientOf(proxy.port, await world.grant())
    await client.connect()
    await client.end()
  })

  it('has refused nothing where the client hung up while it was asked', async () => {
    let asked: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (asked = resolve))
    const port = await serve((socket) => socket.once('data', () => asked()))
    const granted = await world.grant()
    await world.moveShop({ port })
    const client = clientOf(proxy.port, granted)
    const connecting = client.connect().catch(() => undefined)
    await reached
    const { connection } = client as unknown as { connection: { stream: Socket } }
    connection.stream.destroy()
    await connecting
    const told = await until('a record', async () => {
      const found = await rows<{ action: string; why: string }>(
        world.store.db,
        `select action, cast(body as jsonb) #>> '{details,why}' as why
           from records
          where session_id = :id`,
        { id: granted.id },
      )
      return found.length > 0 && found
    })
    const why = 'the client hung up before the data source had let it in'
    assert.deepEqual(told, [{ action: 'connection.closed', why }])
  })

  it('that breaks the connection in the middle of a session is 08006', async () => {
    const carried: Socket[] = []
    const port = await serve((socket) => {
      carried.push(socket)
      const real = connect(Number(new URL(world.shopUrl).port), '127.0.0.1')
      real.on('error', () => undefined)
      socket.pipe(real).pipe(socket)
    })
    const granted = await world.grant()
    await world.moveShop({ port })
    const client = clientOf(proxy.port, granted)
    client.on('error', () => undefined)
    await client.connect()
    const running = failureOf(client.query('select pg_sleep(5)'))
    await world.waitUntilAsleep((client as unknown as { processID: number }).processID)
    for (const socket of carried) socket.destroy()
    assert.equal((await running).code, '08006')
    const [statement] = await world.statements(granted.id, 1)
    assert.equal(statement?.outcome, 'aborted')
  })

  it('that sends no protocol after login is cut off, and the client is told', async () => {
    let toClient: Socket | undefined
    const port = await serve((socket) => {
      toClient = socket
      const real = connect(Number(new URL(world.shopUrl).port), '127.0.0.1')
      real.on('error', () => undefined)
      socket.pipe(real).pipe(socket)
    })
    const granted = await world.grant()
    await world.moveShop({ port })
    const client = clientOf(proxy.port, granted)
    const errors: string[] = []
    client.on('error', (error) => errors.push('code' in error ? String(error.code) : ''))
    await client.connect()
    toClient?.write('\u0000\u0000garbage')
    for (let patience = 100; patience > 0 && errors.length === 0; patience -= 1) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.equal(errors[0], '08P01')
  })

  it('is proven by its certificate as its TLS mode demands', async () => {
    const port = await serve(serveTls)
    const granted = await world.grant()
    await world.moveShop({ port, tlsMode: 'verify-full', tlsCa: CERT })
    const client = clientOf(proxy.port, granted)
    await client.connect()
    await client.query('select 1')
    await client.end()

    const unknown = await world.grant()
    await world.moveShop({ port, tlsMode: 'verify-full' })
    const failure = await failureOf(clientOf(proxy.port, unknown).connect())
    assert.equal(failure.code, '08006')
    assert.match(failure.message, /certificate/)

    // the certificate is for 127.0.0.1, not for all of the loopback network
    await world.moveShop({ host: '127.0.0.2', port, tlsMode: 'verify-ca', tlsCa: CERT })
    assert.equal((await failureOf(clientOf(proxy.port, unknown).connect())).code, '08006')
    await world.moveShop({ port, tlsMode: 'require' })
    const trusting = clientOf(proxy.port, unknown)
    await trusting.connect()
    await trusting.end()
  })

  it('that must speak TLS and does not, or says more than yes, is refused', async () => {
    for (const answer of ['N', 'Sxxxxxxxx']) {
      const port = await serve((socket) => {
        socket.once('data', () => socket.write(answer))
      })
      const granted = await world.grant()
      await world.moveShop({ port, tlsMode: 'require' })
      const failure = await failureOf(clientOf(proxy.port, granted).connect())
      assert.equal(failure.code, '08006')
      assert.match(failure.message, /TLS/)
      await world.moveShop({})
    }
  })

  it('is reached through its unix socket where its host is a folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'daypass-socket-'))
    const port = Number(new URL(world.shopUrl).port)
    let met = 0
    const server = createServer((socket) => {
      met += 1
      const real = connect(port, '127.0.0.1')
      for (const end of [socket, real]) end.on('error', () => undefined)
      socket.pipe(real).pipe(socket)
    })
    servers.push(server)
    await new Promise<void>((resolve) => {
      server.listen(join(folder, `.s.PGSQL.${String(port)}`), resolve)
    })
    const granted = await world.grant()
    await world.moveShop({ host: folder, tlsMode: 'verify-full' })
    const client = clientOf(proxy.port, granted)
    await client.connect()
    await client.query('select 1')
    await client.end()
    assert.equal(met, 1)
    rmSync(folder, { recursive: true })
  })

  it('that falls silent at login is given up, and the client’s place with it', async () => {
    const granted = await world.grant({ connectionLimit: 1 })
    const silent: Socket[] = []
    await world.moveShop({ port: await serve((socket) => silent.push(socket.resume())) })
    const client = clientOf(proxy.port, granted)
    const connecting = client.connect().catch(() => undefined)
    await until('the data source is asked', () => Promise.resolve(silent.length > 0))
    ;(
      client as unknown as { connection: { stream: { destroy(): void } } }
    ).connection.stream.destroy()
    await connecting
    await until('it is left', () => Promise.resolve(silent[0]?.destroyed === true))
    await world.moveShop({})
    const open = `select from connections where session_id = :id and closed_at is null`
    await until('its place is free', async () => {
      return (await rows(world.store.db, open, { id: granted.id })).length === 0
    })
    const next = clientOf(proxy.port, granted)
    await next.connect()
    await next.end()
  })

  it('that falls silent at login is left when the time for it is over', async () => {
    const port = await serve(() => undefined)
    const address = { host: '127.0.0.1', port, tlsMode: 'disable', tlsCa: null } as const
    const login = { address, user: 'u', secret: 's', database: 'd', parameters: [], minor: 0 }
    const began = Date.now()
    await assert.rejects(logIn({ ...login, signal: AbortSignal.timeout(200) }), {
      code: 'proxy.upstream_login',
    })
    assert.ok(Date.now() - began < 5_000)
  })
})
