import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLog } from '../../lib/log.ts'
import { parseSessionId } from '../../lib/ids.ts'
import { Journal } from '../../proxy/journal/journal.ts'
import { Recorder } from '../../proxy/journal/recorder.ts'
import { Relay } from '../../proxy/relay.ts'

const DATA_ROW = 0x44

describe('the relay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'daypass-relay-'))
  const closings: (() => void)[] = []

  afterEach(() => {
    for (const close of closings.splice(0)) close()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function relaying(journal: Journal) {
    closings.push(() => journal.close())
    const [client, fromClient] = await pair()
    const [server, toServer] = await pair()
    closings.push(() => [client, server].forEach((socket) => socket.destroy()))
    const said: string[] = []
    const sessionId = parseSessionId('1')
    assert.ok(sessionId)
    const relay = new Relay({
      client: fromClient,
      upstream: toServer,
      recorder: new Recorder(journal, { id: 'c', sessionId, organizationId: 'o' }),
      statuses: [],
      cancel: () => said.push('cancel'),
      over: (why) => said.push(why),
      failed: (error) => said.push(`failed: ${String(error)}`),
    })
    relay.start({ client: Buffer.alloc(0), upstream: Buffer.alloc(0) })
    return { client, fromClient, server, relay, said }
  }

  it('ends the one connection that it fails on, and not the process', async () => {
    const journal = new Broken({ folder, recording: 'prompt', log: silentLog })
    const { client, server, said } = await relaying(journal)
    const heard = once(client, 'data')
    let reached = 0
    server.on('data', (chunk: Buffer) => (reached += chunk.length))
    client.write(Buffer.from('510000000d73656c656374203100', 'hex'))
    const [words] = (await heard) as [Buffer]
    assert.match(words.toString('latin1'), /FATAL.*CXX000/s)
    await once(client, 'end')
    assert.equal(reached, 0)
    assert.equal(said[0], 'failed: TypeError: an entry that nobody thought of')
  })

  it('keeps little in memory when it cuts a client that does not read, in the middle of a long row', async () => {
    const journal = new Journal({ folder, recording: 'prompt', log: silentLog })
    const { client, fromClient, server, relay, said } = await relaying(journal)
    client.pause()
    const head = Buffer.alloc(5)
    head.writeUInt8(DATA_ROW)
    head.writeInt32BE(900_000_000, 1)
    server.write(head)
    const mebibyte = Buffer.alloc(1024 * 1024)
    const pour = (): void => {
      while (!server.destroyed && server.write(mebibyte));
    }
    server.on('drain', pour).on('error', () => undefined)
    pour()
    await sleep(300)
    relay.cut('57P01', 'over', 'over')
    let most = 0
    while (!said.includes('over')) {
      most = Math.max(most, fromClient.writableLength)
      await sleep(2)
    }
    assert.ok(
      most < 8 * 1024 * 1024,
      `${String(most)} bytes waited for a client that reads nothing`,
    )
  })
})

/** Fails in a way that no code of ours foresees. */
class Broken extends Journal {
  override append(): void {
    throw new TypeError('an entry that nobody thought of')
  }
}

/** Two ends of one connection. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const { port } = server.address() as AddressInfo
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [far] = await accepted
  server.close()
  return [near, far]
}
