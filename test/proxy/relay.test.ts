import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serialize } from 'pg-protocol'
import { silentLog } from '../../lib/log.ts'
import { openingKey, publicBytesOf } from '../../lib/seal.ts'
import { Counters } from '../../proxy/counters.ts'
import { DirectSide } from '../../proxy/io/direct-side.ts'
import type { SideListener } from '../../proxy/io/side.ts'
import { Turns, type Passage } from '../../proxy/io/turns.ts'
import { Journal, type JournalOptions } from '../../proxy/journal/journal.ts'
import { SegmentFile } from '../../proxy/journal/segment-file.ts'
import { Relay } from '../../proxy/relay.ts'
import { encodeReady } from '../../proxy/wire/to-client.ts'
import { message } from '../support/wire-messages.ts'

const DATA_ROW = 0x44
const KEY = openingKey(randomBytes(32))
const NOTHING = Buffer.alloc(0)
const MEBIBYTE = 1024 * 1024

describe('the relay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'daypass-relay-'))
  const closings: (() => void)[] = []
  let journals = 0

  afterEach(() => {
    for (const close of closings.splice(0)) close()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function openJournal(Kind = Journal, more: Partial<JournalOptions> = {}) {
    journals += 1
    const dir = join(folder, String(journals))
    const publicKey = publicBytesOf(KEY)
    const journal = new Kind({
      folder: dir,
      recording: 'prompt',
      publicKey,
      log: silentLog,
      ...more,
    })
    closings.push(() => journal.close())
    const counters = new Counters()
    return { dir, journal, counters, turns: new Turns(journal, counters) }
  }

  async function relaying(made: ReturnType<typeof openJournal>) {
    const [client, fromClient] = await pair()
    const [server, toServer] = await pair()
    closings.push(() => [client, server].forEach((socket) => socket.destroy()))
    for (const socket of [client, server]) socket.on('error', () => undefined)
    const said: string[] = []
    const relay = new Relay(
      {
        ...made,
        speaker: { id: 'c', session: '1', organization: 'o' },
        cancel: () => said.push('cancel'),
        over: (why) => said.push(why),
        failed: (error) => said.push(`failed: ${String(error)}`),
      },
      { client: fromClient, upstream: toServer, statuses: [] },
    )
    relay.start({ client: NOTHING, upstream: NOTHING })
    return { client, server, relay, said }
  }

  it('ends the one connection that it fails on, and not the process', async () => {
    const { client, server, said } = await relaying(openJournal(Broken))
    const heard = once(client, 'data')
    const reached = hearing(server)
    client.write(serialize.query('select 1'))
    const [words] = (await heard) as [Buffer]
    assert.match(words.toString('latin1'), /FATAL.*CXX000/s)
    await once(client, 'end')
    assert.equal(reached().length, 0)
    assert.equal(said[0], 'failed: TypeError: an event that nobody thought of')
  })

  it('keeps little in memory when it cuts a client that does not read, in the middle of a long row', async () => {
    const { client, server, relay, said } = await relaying(openJournal())
    client.pause()
    pour(server, DATA_ROW)
    await sleep(300)
    const before = process.memoryUsage().arrayBuffers
    relay.cut('57P01', 'over', 'over')
    let most = 0
    while (!said.includes('over')) {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      await sleep(2)
    }
    assert.ok(
      most < 8 * MEBIBYTE,
      `${most} bytes more while it waited for a client that reads nothing`,
    )
  })

  it('asks whether a client is there where the server is silent, and never inside a message', async () => {
    const { client, server, relay } = await relaying(openJournal())
    const heard = hearing(client)
    const row = message('D', randomBytes(10))
    server.write(row)
    await soon('a row', () => heard().length === row.length)
    relay.probe()
    server.write(row.subarray(0, 7))
    await soon('half a row', () => heard().length === row.length + 7)
    relay.probe()
    relay.probe()
    server.write(row.subarray(7))
    await soon('a second row', () => heard().length >= 2 * row.length)
    relay.probe()
    relay.probe()
    const probe = message('S', 'server_version\0\0')
    await soon('a probe', () => heard().length >= 2 * row.length + probe.length)
    assert.deepEqual(heard(), Buffer.concat([row, row, probe]))
  })

  it('does not heap questions up for a client that does not read', async () => {
    const made = openJournal()
    const { client, server, relay } = await relaying(made)
    client.pause()
    // one by one, so that the relay stops at the end of one
    const row = message('D', randomBytes(16_379))
    let sent = 0
    for (let isRead = true; isRead;) {
      server.write(row)
      sent += row.length
      const deadline = Date.now() + 200
      while (made.counters.serverBytes < sent && Date.now() < deadline) await sleep(1)
      isRead = made.counters.serverBytes >= sent
    }
    for (let at = 0; at < 100; at += 1) relay.probe()
    const heard = hearing(client)
    client.resume()
    await soon('all of it', () => heard().length >= sent)
    assert.equal(heard().length, sent)
  })

  it('holds a source back for as long as its reader is slow, and gives all of it, in order', async () => {
    const { client, server } = await relaying(openJournal())
    client.pause()
    const row = randomBytes(3 * MEBIBYTE)
    const sent = Buffer.concat(Array.from({ length: 12 }, () => message('D', row)))
    server.write(sent)
    await sleep(200)
    const waiting = server.writableLength
    const heard = hearing(client)
    client.resume()
    await soon('all of it', () => heard().length === sent.length)
    assert.ok(waiting > 10 * MEBIBYTE, `only ${waiting} bytes were held back`)
    assert.ok(heard().equals(sent))
  })

  it('keeps the order of small and large chunks, both ways at once', async () => {
    const { client, server } = await relaying(openJournal())
    const [atServer, atClient] = [hearing(server), hearing(client)]
    const questions: Buffer[] = []
    const answers: Buffer[] = []
    for (let n = 0; n < 300; n += 1) {
      const size = n % 7 === 0 ? 70_000 : n % 5 === 0 ? 20_000 : 10
      const text = `select ${n} -- ${'x'.repeat(size)}`
      questions.push(serialize.query(text))
      answers.push(message('D', text), encodeReady('I'))
      client.write(questions.at(-1) ?? NOTHING)
      for (const answer of answers.slice(-2)) server.write(answer)
      if (n % 3 === 0) await new Promise(setImmediate)
    }
    const [asked, answered] = [Buffer.concat(questions), Buffer.concat(answers)]
    await soon(
      'everything',
      () => atServer().length === asked.length && atClient().length === answered.length,
    )
    assert.ok(atServer().equals(asked))
    assert.ok(atClient().equals(answered))
  })

  it('has a statement in the journal before the data source has its bytes', async () => {
    const made = openJournal()
    const { client, server } = await relaying(made)
    const seen: boolean[] = []
    const reached = hearing(server, () => {
      const text = String(reached().length)
      seen.push(journaled(made.dir).includes(`select '${seen.length + 1}'`) && text !== '0')
    })
    for (let n = 1; n <= 20; n += 1) {
      client.write(serialize.query(`select '${n}'`))
      await soon('it', () => seen.length === n)
    }
    assert.ok(seen.every(Boolean))
  })

  it('does not send what it can’t record, cuts who asked, and lets answers to others through', async () => {
    let isFull = false
    const made = openJournal(Journal, { write: fullWhen(() => isFull) })
    const asker = await relaying(made)
    const other = await relaying(made)
    const reached = hearing(asker.server)
    const [told, answered] = [hearing(asker.client), hearing(other.client)]
    await sleep(50)
    isFull = true
    asker.client.write(serialize.query('select 1'))
    other.server.write(encodeReady('T'))
    await once(asker.client, 'end')
    await soon('the answer', () => answered().length > 0)
    assert.match(told().toString('latin1'), /FATAL.*C53100/s)
    assert.equal(reached().length, 0)
    assert.ok(answered().equals(encodeReady('T')))
    assert.deepEqual(other.said, [])
    // large chunks go another way, and not past the journal either
    const large = hearing(other.server)
    other.client.write(serialize.query('x'.repeat(60_000)))
    await once(other.client, 'end')
    assert.ok(large().length < 60_000)
    isFull = false
    const next = await relaying(made)
    const again = hearing(next.server)
    next.client.write(serialize.query('select 2'))
    await soon('the next one', () => again().length > 0)
  })

  it('keeps secrets out of the journal, wherever the network cuts the message', async () => {
    const made = openJournal()
    const { client, server } = await relaying(made)
    const reached = hearing(server)
    const secret = 'hunter2secret'
    const messages = [
      serialize.query(`alter role a password '${secret}'`),
      serialize.parse({ name: '', text: `create role b password '${secret}'`, types: [] }),
      serialize.bind({ values: [`host=x password=${secret}`] }),
    ]
    let sent = 0
    for (const whole of messages) {
      for (let cut = 1; cut <= whole.length; cut += 1) {
        for (const part of [whole.subarray(0, cut), whole.subarray(cut)]) {
          if (part.length === 0) continue
          client.write(part)
          sent += part.length
          await soon('it', () => reached().length === sent)
        }
      }
    }
    const written = journaled(made.dir)
    assert.ok(!written.includes(secret))
    assert.equal(
      written.split('[redacted]').length - 1,
      messages.reduce((n, m) => n + m.length, 0),
    )
    assert.equal(
      reached().toString('latin1').split(secret).length - 1,
      written.split('[redacted]').length - 1,
    )
  })

  it('never writes to a descriptor that was closed under it: it is somebody else’s by then', async () => {
    const [near, far] = await pair()
    closings.push(() => near.destroy())
    near.on('error', () => undefined)
    const descriptor = descriptorOf(far)
    const side = DirectSide.takeOver(far)
    assert.ok(side)
    side.start(QUIET)
    side.destroy()
    const path = join(folder, 'somebody-else')
    const opened = [openSync(path, 'w')]
    while (opened.at(-1) !== descriptor && opened.length < 200) opened.push(openSync(path, 'w'))
    assert.equal(opened.at(-1), descriptor)
    side.write(Buffer.from('a row'), 0, 5)
    for (const one of opened) closeSync(one)
    assert.equal(statSync(path).size, 0)
  })

  it('ends one connection alone when its client resets it in the middle of an answer', async () => {
    const made = openJournal()
    const [gone, other] = [await relaying(made), await relaying(made)]
    gone.client.write(serialize.query('select 1'))
    await soon('the question', () => gone.server.bytesRead > 0)
    pour(gone.server, DATA_ROW)
    gone.client.resetAndDestroy()
    await soon('its end', () => gone.said.includes('the client vanished'))
    assert.deepEqual(gone.said, ['cancel', 'the client vanished'])
    const heard = hearing(other.client)
    other.server.write(encodeReady('I'))
    await soon('its own', () => heard().length > 0)
    assert.deepEqual(other.said, [])
  })

  /** What the journal holds, as text. */
  function journaled(dir: string): string {
    return readdirSync(dir)
      .sort()
      .map((name) => {
        const path = join(dir, name)
        const file = SegmentFile.open(path, KEY)
        assert.ok(file)
        const parts: string[] = []
        for (;;) {
          const events = file.next(statSync(path).size)
          if (events === undefined) break
          parts.push(events.toString('latin1'))
        }
        file.close()
        return parts.join('')
      })
      .join('')
  }
})

describe('a turn', () => {
  const done: string[] = []
  const small = Buffer.from('small')
  const large = Buffer.alloc(20_000, 'large')
  const way = (name: string, asks: boolean): Passage => ({
    asks,
    arrivedAt: 0,
    forward: (bytes, start, end) =>
      done.push(
        `${name} ${bytes.toString('latin1', start, Math.min(end, start + 5))} ${end - start}`,
      ),
    refuse: () => done.push(`${name} refused`),
  })
  let failure: Error | undefined
  let isStrict = false
  const commit = (asks?: boolean, written?: () => void): void => {
    done.push('commit')
    written?.()
    if (isStrict && asks) done.push('on disk')
    if (failure) throw failure
  }
  const forgetClients = (): void => void done.push('forget')
  beforeEach(() => {
    done.length = 0
    failure = undefined
    isStrict = false
  })

  it('is one write of the journal, and then all that waited for it, in order', async () => {
    const turns = new Turns({ commit, forgetClients, isStrict }, new Counters())
    const [question, answer] = [way('question', true), way('answer', false)]
    turns.pass(question, small, 5)
    turns.pass(answer, small, 5)
    turns.pass(question, small, 4)
    assert.deepEqual(done, [])
    await new Promise(setImmediate)
    assert.deepEqual(done, ['commit', 'question small 5', 'answer small 5', 'question smal 4'])
  })

  it('ends when a large chunk comes, which goes on behind what waited', () => {
    const turns = new Turns({ commit, forgetClients, isStrict }, new Counters())
    const question = way('question', true)
    turns.pass(question, small, 5)
    turns.pass(question, large, large.length)
    assert.deepEqual(done, ['commit', 'question small 5', 'question large 20000'])
  })

  it('lets no question on that was not written, and tells so behind the answers', () => {
    const turns = new Turns({ commit, forgetClients, isStrict }, new Counters())
    const [question, answer] = [way('question', true), way('answer', false)]
    failure = new Error('no space')
    turns.pass(question, small, 5)
    turns.pass(answer, small, 5)
    assert.equal(turns.flush(), failure)
    turns.pass(question, large, large.length)
    assert.deepEqual(done, [
      'commit',
      'forget',
      'answer small 5',
      'question refused',
      'commit',
      'forget',
      'question refused',
    ])
  })

  it('waits for the disk with questions alone, where it does at all', async () => {
    isStrict = true
    const turns = new Turns({ commit, forgetClients, isStrict }, new Counters())
    const [question, answer] = [way('question', true), way('answer', false)]
    turns.pass(answer, small, 5)
    await new Promise(setImmediate)
    turns.pass(answer, large, large.length)
    assert.deepEqual(done.splice(0), ['commit', 'answer small 5', 'commit', 'answer large 20000'])
    turns.pass(question, small, 5)
    turns.pass(answer, small, 4)
    await new Promise(setImmediate)
    assert.deepEqual(done.splice(0), ['commit', 'answer smal 4', 'on disk', 'question small 5'])
    turns.pass(question, large, large.length)
    assert.deepEqual(done, ['commit', 'on disk', 'question large 20000'])
  })

  it('that the disk fails behind its answers says each of them once', () => {
    isStrict = true
    const turns = new Turns({ commit, forgetClients, isStrict }, new Counters())
    failure = new Error('no space')
    turns.pass(way('question', true), small, 5)
    turns.pass(way('answer', false), small, 5)
    assert.equal(turns.flush(), failure)
    assert.deepEqual(done, ['commit', 'answer small 5', 'on disk', 'forget', 'question refused'])
  })
})

/** Hears nothing. */
const QUIET: SideListener = {
  chunk: () => undefined,
  drained: () => undefined,
  ended: () => undefined,
  gone: () => undefined,
}

function descriptorOf(socket: Socket): number {
  const handle = Reflect.get(socket, '_handle') as { readonly fd: number }
  return handle.fd
}

/** Fails in a way that no code of ours foresees. */
class Broken extends Journal {
  #events = 0

  override begin(...event: Parameters<Journal['begin']>): void {
    this.#events += 1
    // the first one says only that the connection was opened
    if (this.#events > 1) throw new TypeError('an event that nobody thought of')
    super.begin(...event)
  }
}

/** Writes until the disk is said to be full. */
function fullWhen(isFull: () => boolean): NonNullable<JournalOptions['write']> {
  return ((...to: Parameters<typeof writeSync>) => {
    if (isFull()) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    return writeSync(...to)
  }) as NonNullable<JournalOptions['write']>
}

/** Everything that a socket has heard so far. */
function hearing(socket: Socket, then: () => void = () => undefined): () => Buffer {
  let room: Buffer = Buffer.alloc(MEBIBYTE)
  let length = 0
  socket.on('data', (chunk: Buffer) => {
    // twice as much each time: whoever asks again and again must not copy it all each time
    while (room.length < length + chunk.length) room = Buffer.concat([room, room])
    length += chunk.copy(room, length)
    then()
  })
  return () => room.subarray(0, length)
}

/** A message without an end. */
function pour(socket: Socket, type: number): void {
  const head = Buffer.alloc(5)
  head.writeUInt8(type)
  head.writeInt32BE(900_000_000, 1)
  socket.write(head)
  const mebibyte = Buffer.alloc(MEBIBYTE)
  const more = (): void => {
    while (!socket.destroyed && socket.write(mebibyte));
  }
  socket.on('drain', more)
  more()
}

/** Waits for what takes milliseconds on a machine with nothing else to do. */
async function soon(what: string, isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `${what}: not in time`)
    await new Promise(setImmediate)
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
