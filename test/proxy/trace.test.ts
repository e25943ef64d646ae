import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import pg from 'pg'
import { Tracer } from '../../scripts/trace/tracer.ts'
import { portOf, startTrace } from '../../scripts/trace/relay.ts'
import { dataSourceCluster } from '../support/clusters.ts'
import { RawPeer, SSL_REQUEST, startup } from '../support/raw-peer.ts'

/** What libpq 18.4 and a server 18.4 sent each other, and what libpq's PQtrace wrote of it. */
interface Recorded {
  readonly chunks: readonly string[]
  readonly trace: readonly string[]
}

const RECORDED = JSON.parse(
  readFileSync(new URL('./trace/libpq-18.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, Recorded>>

/** libpq reads this one without writing it. */
const UNTRACED = 'B\t8\tAuthenticationOk'

interface Style {
  readonly regress?: boolean
  readonly secrets?: boolean
}

function traced({ chunks }: Recorded, style: Style, cut = (chunk: Buffer) => [chunk]): string[] {
  const lines: string[] = []
  const tracer = new Tracer({
    regress: false,
    secrets: false,
    timestamps: false,
    print: (line) => lines.push(line),
    ...style,
  })
  for (const chunk of chunks) {
    const [side, hex = ''] = chunk.split(' ')
    for (const piece of cut(Buffer.from(hex, 'hex'))) {
      if (side === 'F') tracer.client(piece)
      else tracer.server(piece)
    }
  }
  return lines
}

function recorded(name: string): Recorded {
  const found = RECORDED[name]
  assert.ok(found)
  return found
}

describe('a trace', () => {
  for (const [name, style] of [
    ['session plain', { secrets: true }],
    ['session regress', { regress: true, secrets: true }],
    ['session regress', { regress: true }],
    ['negotiated plain', { secrets: true }],
    ['refused plain', { secrets: true }],
  ] as const) {
    it(`reads as libpq’s own: ${name}${'secrets' in style ? ', with secrets' : ''}`, () => {
      const { chunks, trace } = recorded(name)
      const lines = traced({ chunks, trace }, style)
      assert.deepEqual(
        lines.filter((line) => line !== UNTRACED),
        trace,
      )
      assert.equal(lines.filter((line) => line === UNTRACED).length, name.startsWith('ref') ? 0 : 1)
    })
  }

  it('reads the same wherever the network cuts the messages', () => {
    const bytewise = (chunk: Buffer): Buffer[] => [...chunk].map((byte) => Buffer.of(byte))
    const whole = recorded('session plain')
    assert.deepEqual(traced(whole, {}, bytewise), traced(whole, {}))
  })

  it('shows no secret unless asked', () => {
    const whole = recorded('session plain')
    const all = traced(whole, { secrets: true }).join('\n')
    const text = traced(whole, {}).join('\n')
    const [proof = ''] = /p=[^']{20,}/.exec(all) ?? []
    const [key = ''] = /(?<=BackendKeyData\t [0-9]+ )-?[0-9]+/.exec(all) ?? []
    for (const secret of [proof, key, ...(all.match(/[rsv]=[^',]{10,}/g) ?? [])]) {
      assert.ok(secret.length > 5 && all.includes(secret))
      assert.ok(!text.includes(secret), secret)
    }
    assert.match(text, /SASLResponse\t '\[redacted\]'/)
    assert.match(text, /BackendKeyData\t [0-9]+ \[redacted\]/)
    assert.ok(!text.includes('mismatched'))
  })

  it('hides passwords in SQL and in a password message, and the key of a cancel request', () => {
    const query = Buffer.from(`alter role a password 'canary'\0`)
    const chunks = [
      'F 000000090003000000',
      `B 520000000800000003`,
      `F 700000000b${Buffer.from('canary\0').toString('hex')}`,
      `F 51${(query.length + 4).toString(16).padStart(8, '0')}${query.toString('hex')}`,
    ]
    const lines = traced({ chunks, trace: [] }, {})
    assert.deepEqual(lines, [
      'F\t9\tStartupMessage\t 3 0',
      'B\t8\tAuthenticationCleartextPassword',
      'F\t11\tPasswordMessage\t "[redacted]"',
      `F\t${String(query.length + 4)}\tQuery\t "alter role a password '[redacted]'"`,
    ])
    const cancel = { chunks: ['F 0000001004d2162e0000000700c0ffee'], trace: [] }
    assert.deepEqual(traced(cancel, {}), ['F\t16\tCancelRequest\t 1234 5678 7 [redacted]'])
    assert.deepEqual(traced(cancel, { secrets: true }), [
      'F\t16\tCancelRequest\t 1234 5678 7 12648430',
    ])
  })

  it('says what is unknown or too short, and stops at a length that none has', () => {
    const login = '000000090003000000'
    const lines = traced(
      {
        chunks: [`F ${login}`, 'B 2100000006abcd', 'B 540000000600ff', 'B 5a00000006491f'],
        trace: [],
      },
      {},
    )
    assert.deepEqual(lines.slice(1), [
      'B\t6\tUnknown message: 21',
      'mismatched message length: consumed 4, expected 6',
      'B\t6\tRowDescription\t 255',
      'B\t6\tReadyForQuery\t I',
      'mismatched message length: consumed 5, expected 6',
    ])
    assert.throws(() => traced({ chunks: ['B 5a00000003'], trace: [] }, {}), /message length/)
  })
})

describe('the tracing relay', () => {
  let server: Server
  let lines: string[]
  const notes: string[] = []

  before(async () => {
    const cluster = await dataSourceCluster()
    server = await startTrace(0, {
      to: { host: cluster.host, port: cluster.port },
      regress: true,
      secrets: false,
      timestamps: false,
      print: (line) => lines.push(line),
      note: (sentence) => notes.push(sentence),
    })
  })

  beforeEach(() => {
    lines = []
  })

  after(() => server.close())

  async function connected(more: pg.ClientConfig = {}): Promise<pg.Client> {
    const url = new URL((await dataSourceCluster()).superuserUrl())
    url.port = String(portOf(server))
    const client = new pg.Client({ connectionString: url.href, ...more })
    await client.connect()
    return client
  }

  it('passes a real client’s connection on, and writes it', async () => {
    const client = await connected()
    lines.length = 0
    const { rows } = await client.query<{ x: string }>('select $1::text as x', ['ä'])
    await client.query(`select repeat('x', 300000)`)
    await client.end()

    assert.deepEqual(rows, [{ x: 'ä' }])
    assert.deepEqual(lines.slice(0, 12), [
      'F\t28\tParse\t "" "select $1::text as x" 0',
      'F\t22\tBind\t "" "" 1 0 1 2 \'\\xc3\\xa4\' 1 0',
      'F\t6\tDescribe\t P ""',
      'F\t9\tExecute\t "" 0',
      'F\t4\tSync',
      'B\t4\tParseComplete',
      'B\t4\tBindComplete',
      'B\t26\tRowDescription\t 1 "x" NNNN 0 NNNN 65535 -1 0',
      "B\t12\tDataRow\t 1 2 '\\xc3\\xa4'",
      'B\t13\tCommandComplete\t "SELECT 1"',
      'B\t5\tReadyForQuery\t I',
      `F\t31\tQuery\t "select repeat('x', 300000)"`,
    ])
    assert.equal(lines.find((line) => line.startsWith('B\t300010\tDataRow'))?.length, 299_999 + 30)
    assert.equal(lines.at(-1), 'F\t4\tTerminate')
  })

  it('declines encryption, of which nothing could be read, though the server would agree', async () => {
    const seen: Buffer[] = []
    const willing = createServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        seen.push(chunk)
        socket.write('S')
      })
    })
    await once(willing.listen(0, '127.0.0.1'), 'listening')
    const relay = await startTrace(0, {
      to: { host: '127.0.0.1', port: portOf(willing) },
      regress: false,
      secrets: false,
      timestamps: false,
      print: (line) => lines.push(line),
      note: (sentence) => notes.push(sentence),
    })
    const client = await RawPeer.connect(portOf(relay))
    client.socket.write(SSL_REQUEST)
    assert.equal((await client.received(1)).toString(), 'N')
    client.socket.write(startup({ user: 'a' }))
    assert.equal((await client.received(2)).toString(), 'NS')
    client.socket.destroy()
    for (const server of [relay, willing]) server.close()

    assert.deepEqual(Buffer.concat(seen), startup({ user: 'a' }))
    assert.deepEqual(lines.slice(0, 3), [
      'F\t8\tSSLRequest\t 1234 5679',
      'B\t1\tSSLResponse\t N',
      'F\t16\tStartupMessage\t 3 0 "user" "a"',
    ])
  })

  it('still passes on what it can’t read, and says so', async () => {
    const client = await connected()
    notes.length = 0
    client.connection.stream.write(Buffer.from('5100000000', 'hex'))
    await new Promise((resolve) => client.once('error', resolve))
    assert.match(notes.join(), /can't be traced further/)
  })
})
