import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { GrantedWorld, type Granted, type TestProxy } from '../../support/granted.ts'
import { int16, int32, message } from '../../support/wire-messages.ts'
import { lying, query } from './frontend.ts'
import { fieldsOf, RawClient } from './raw-client.ts'
import { logIn } from './scram-login.ts'

describe('a server that breaks the protocol behind the login', () => {
  let world: GrantedWorld
  let proxy: TestProxy
  let between: Server
  let granted: Granted
  let toProxy: Socket | undefined

  before(async () => {
    world = await GrantedWorld.make()
    proxy = await world.startProxy()
    granted = await world.grant()
    const { port } = new URL(world.shopUrl)
    between = createServer((socket) => {
      toProxy = socket
      const real = connect(Number(port), '127.0.0.1')
      for (const end of [socket, real]) end.on('error', () => undefined)
      socket.pipe(real).pipe(socket)
    })
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve))
    await world.moveShop({ port: (between.address() as AddressInfo).port })
  })
  after(async () => {
    between.close()
    await world.close()
  })

  async function connected(): Promise<RawClient> {
    const { username, secret } = granted
    const client = await RawClient.connect(proxy.port)
    await logIn(client, { user: username, secret, database: world.database })
    return client
  }

  const BODIES: readonly (readonly [what: string, packet: Buffer])[] = [
    ['an ErrorResponse without its end', message('E', 'SERROR\0VERROR\0C42601\0Mno end')],
    ['an ErrorResponse without its last NUL', message('E', 'SERROR\0VERROR\0C42601\0Mno end\0')],
    ['an ErrorResponse without a SQLSTATE', message('E', 'SERROR\0Mno state\0\0')],
    ['an empty ErrorResponse', message('E')],
    ['a NoticeResponse without its end', message('N', 'SNOTICE\0Mno end')],
    ['a column of a negative length', message('D', int16(1), int32(-2))],
    ['a column beyond its row', message('D', int16(1), int32(500), 'x')],
    ['more columns than there are', message('D', int16(-1))],
    ['a RowDescription without rows', message('T', int16(7))],
    ['a CommandComplete without its NUL', message('C', 'SELECT 1')],
    ['an empty CommandComplete', message('C')],
    ['a ParameterDescription cut short', message('t', int16(9), int32(25))],
    ['a ParameterStatus without its value', message('S', 'TimeZone\0')],
    ['a CopyOutResponse cut short', message('H', '\0')],
    ['a notification cut short', message('A', int32(1))],
    ['a FunctionCallResponse cut short', message('V', int32(900))],
    ['an answer to a question that nobody asked', message('1')],
    ['a ReadyForQuery that nobody waits for', message('Z', 'I')],
    ['a ReadyForQuery in no state that there is', message('Z', 'X')],
    ['an empty ReadyForQuery', message('Z')],
  ]
  for (const [what, packet] of BODIES) {
    it(`[13] has the client judge ${what}, and goes on`, async () => {
      const client = await connected()
      client.say(query('select 1'))
      await client.until('Z')
      toProxy?.write(packet)
      const heard = await client.until(packet.toString('latin1', 0, 1))
      assert.deepEqual(heard.at(-1)?.body, packet.subarray(5))
      client.say(query('select 2'))
      assert.ok((await client.until('Z')).some(({ type }) => type === 'D'))
      client.close()
    })
  }

  const BROKEN: readonly (readonly [what: string, packet: Buffer])[] = [
    ['a length of 2 GiB', lying('D', 0x7fffffff)],
    ['a length of 3', lying('E', 3)],
    ['a length of 0', lying('C', 0)],
    ['a negative length', lying('D', -6666)],
    ['a type that no server sends', message('Q', 'select 1\0')],
    ['a request to authenticate once more', message('R', int32(3))],
    ['a second cancel key', message('K', int32(1, 1))],
    ['a negotiation behind the login', message('v', int32(0, 0))],
    ['a web page', Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
  ]
  for (const [what, packet] of BROKEN) {
    it(`[13] ends the connection at ${what}, and says so`, async () => {
      const client = await connected()
      toProxy?.write(packet)
      await client.ended()
      const { S, C } = fieldsOf(client.heard.at(-1) ?? assert.fail())
      assert.deepEqual([S, C], ['FATAL', '08P01'])
      await world.waitUntilGone(client.pid)
      client.close()
    })
  }

  it('[13] serves the next client as if nothing had been', async () => {
    const client = await connected()
    client.say(query('select 1'))
    assert.equal((await client.until('Z')).length, 4)
    client.close()
  })
})
