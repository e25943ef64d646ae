import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { openSide } from '../../../proxy/io/open-side.ts'
import type { Side } from '../../../proxy/io/side.ts'
import { TlsSide } from '../../../proxy/io/tls-side.ts'
import { readServerTls, serveTls } from '../../../proxy/tls.ts'
import { until } from '../../support/until.ts'

const FOLDER = join(import.meta.dirname, '../../support/tls')
const CERT = join(FOLDER, 'cert.pem')
const TLS = readServerTls({ cert: CERT, key: join(FOLDER, 'key.pem') })
const MEBIBYTE = 1024 * 1024

describe('a side over TLS', () => {
  let client: TLSSocket
  let side: Side
  let heard: Buffer[]
  let told: string[]

  const bytes = (): number => heard.reduce((sum, { length }) => sum + length, 0)

  beforeEach(async () => {
    let plain: Socket
    ;[client, plain] = await pair()
    const encrypted = serveTls(plain, TLS)
    await Promise.all([once(encrypted, 'secure'), once(client, 'secureConnect')])
    heard = []
    told = []
    side = openSide(encrypted)
    side.start({
      chunk: (chunk, end) => void heard.push(Buffer.from(chunk.subarray(0, end))),
      drained: () => void told.push('drained'),
      ended: () => void told.push('ended'),
      gone: () => void told.push('gone'),
    })
  })
  afterEach(() => {
    client.destroy()
    side.destroy()
  })

  it('is read beside the stream, and hears everything in order up to the end', async () => {
    assert.ok(side instanceof TlsSide)
    const sent = Buffer.alloc(4 * MEBIBYTE)
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32BE(at, at)
    client.write(sent.subarray(0, 5))
    await until('the first bytes', () => Promise.resolve(bytes() === 5))
    client.end(sent.subarray(5))
    await until('the end', () => Promise.resolve(told.includes('ended')))
    assert.ok(Buffer.concat(heard).equals(sent))
    side.write(sent, 0, 10)
    side.end()
    const [answer] = (await once(client, 'data')) as [Buffer]
    assert.ok(answer.equals(sent.subarray(0, 10)))
    await until('its close', () => Promise.resolve(told.includes('gone')))
  })

  it('takes nothing more while it is paused, and all of it behind that', async () => {
    const sent = 32 * MEBIBYTE
    side.pause()
    assert.ok(side.isPaused)
    client.write(Buffer.alloc(sent))
    // what was under way, and then nothing for a while in which all of it would have come
    await until('the kernel to be full', () => Promise.resolve(client.writableLength > 0))
    for (let turn = 0; turn < 2_000; turn += 1) await new Promise(setImmediate)
    assert.ok(bytes() <= MEBIBYTE, `${bytes()} bytes`)
    assert.ok(client.writableLength > 0)
    side.resume()
    assert.ok(!side.isPaused)
    await until('the rest', () => Promise.resolve(bytes() === sent))
  })

  it('is paused and resumed after its end like any other', async () => {
    side.destroy()
    await until('its close', () => Promise.resolve(told.includes('gone')))
    side.pause()
    side.resume()
    assert.equal(side.write(Buffer.from('x'), 0, 1), true)
  })
})

/** A client that begins TLS, and the socket that it begins it on. */
async function pair(): Promise<[TLSSocket, Socket]> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [plain] = await accepted
  server.close()
  const client = connectTls({ socket, ca: readFileSync(CERT), servername: 'localhost' })
  return [client, plain]
}
