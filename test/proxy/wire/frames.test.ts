import assert from 'node:assert/strict'
import fc from 'fast-check'
import { serialize } from 'pg-protocol'
import { WireError } from '../../../proxy/errors.ts'
import { CLIENT_RULES, SERVER_RULES } from '../../../proxy/wire/frame-rules.ts'
import { FrameReader } from '../../../proxy/wire/frames.ts'
import type { Frame, FrameHandler } from '../../../proxy/wire/frames.ts'
import { KEPT_MOST } from '../../../proxy/wire/limits.ts'
import { encodeError, encodeParameterStatus, encodeReady } from '../../../proxy/wire/to-client.ts'
import { int16, int32, message } from '../../support/wire-messages.ts'

/** Writes down what it hears, with streamed pieces put together again. */
class Listener implements FrameHandler {
  readonly heard: string[] = []
  #pieces = ''

  message({ type, length, bytes, start, end }: Frame): void {
    const body = this.#pieces + bytes.toString('latin1', start, end)
    this.heard.push(`${String.fromCharCode(type)} ${length} ${body}`)
    this.#pieces = ''
  }

  piece({ bytes, start, end }: Frame): void {
    this.#pieces += bytes.toString('latin1', start, end)
  }
}

const FROM_CLIENT = Buffer.concat([
  serialize.query('select 1'),
  serialize.parse({ name: 'a', text: 'select $1', types: ['23'].map(Number) }),
  serialize.bind({ portal: 'p', statement: 'a', values: ['1', null, Buffer.from([0, 1])] }),
  serialize.describe({ type: 'P', name: 'p' }),
  serialize.execute({ portal: 'p', rows: 3 }),
  serialize.close({ type: 'S', name: 'a' }),
  message('F', int32(1), int16(0, 0, 0)),
  serialize.flush(),
  serialize.sync(),
  serialize.copyData(Buffer.from('some data')),
  serialize.copyData(Buffer.alloc(0)),
  serialize.copyDone(),
  serialize.copyFail('no'),
  serialize.end(),
])

const FROM_SERVER = Buffer.concat([
  message('1'),
  message('2'),
  message('3'),
  message('t', int16(1), int32(23)),
  message('T', int16(0)),
  message('n'),
  message('D', int16(1), int32(3), 'abc'),
  message('C', 'SELECT 1\0'),
  message('I'),
  message('s'),
  message('V', int32(-1)),
  message('G', '\0', int16(0)),
  message('H', '\0', int16(0)),
  message('W', '\0', int16(0)),
  message('d', 'row'),
  message('c'),
  message('A', int32(7), 'channel\0', 'payload\0'),
  encodeError({ severity: 'ERROR', sqlstate: '42601', message: 'no' }),
  encodeParameterStatus('client_encoding', 'UTF8'),
  encodeReady('I'),
])

describe('proxy/wire/frames', () => {
  for (const [side, rules, sent, types] of [
    ['client', CLIENT_RULES, FROM_CLIENT, 'QPBDECFHSddcfX'],
    ['server', SERVER_RULES, FROM_SERVER, '123tTnDCIsVGHWdcAESZ'],
  ] as const) {
    it(`gives the same messages wherever the network cuts a ${side}'s`, () => {
      const whole = hear(rules, [sent])
      assert.equal(whole.map((line) => line.charAt(0)).join(''), types)

      for (let cut = 0; cut <= sent.length; cut += 1) {
        assert.deepEqual(hear(rules, [sent.subarray(0, cut), sent.subarray(cut)]), whole)
      }
      const bytes = Array.from(sent, (byte) => Buffer.of(byte))
      assert.deepEqual(hear(rules, bytes), whole)
    })

    it(`refuses impossible lengths of a ${side}'s messages at their header`, () => {
      for (const type of types) {
        for (const length of [0, 3, -1, 2 ** 31 - 1, -(2 ** 31)]) {
          const listener = new Listener()
          const header = Buffer.concat([Buffer.from(type), int32(length)])

          assert.throws(() => new FrameReader(rules, listener).feed(header), WireError)
          assert.equal(listener.heard.length, 0)
        }
      }
    })

    it(`refuses types that a ${side} has none of`, () => {
      for (let type = 0; type < 256; type += 1) {
        if (types.includes(String.fromCharCode(type)) || type === 0x4e) continue
        const header = Buffer.concat([Buffer.of(type), int32(4)])
        assert.throws(() => new FrameReader(rules, new Listener()).feed(header), WireError)
      }
    })
  }

  it('hands over what came before a broken message', () => {
    const listener = new Listener()
    const sent = Buffer.concat([serialize.sync(), Buffer.from('?????')])

    assert.throws(() => new FrameReader(CLIENT_RULES, listener).feed(sent), { sqlstate: '08P01' })
    assert.deepEqual(listener.heard, ['S 0 '])
  })

  it('refuses an oversized Sync', () => {
    const header = Buffer.concat([Buffer.from('S'), int32(10_001)])

    assert.throws(() => new FrameReader(CLIENT_RULES, new Listener()).feed(header), WireError)
  })

  it('reads only as much of a shared buffer as it is told', () => {
    const listener = new Listener()
    const shared = Buffer.concat([serialize.sync(), Buffer.from('left from before')])

    new FrameReader(CLIENT_RULES, listener).feed(shared, 5)

    assert.deepEqual(listener.heard, ['S 0 '])
  })

  it('is at a boundary only between messages', () => {
    const reader = new FrameReader(CLIENT_RULES, new Listener())
    const sent = serialize.query('select 1')
    for (const byte of sent.subarray(0, -1)) {
      reader.feed(Buffer.of(byte))
      assert.equal(reader.atBoundary, false)
    }
    reader.feed(sent.subarray(-1))
    assert.equal(reader.atBoundary, true)
  })

  it('streams a long query and keeps only the beginning of a long error', () => {
    const query = hear(CLIENT_RULES, inChunks(serialize.query('x'.repeat(200_000))))
    assert.equal(query[0]?.length, 'Q 200001 '.length + 200_001)

    const long = message('E', 'M', 'x'.repeat(200_000), '\0\0')
    const kept = hear(SERVER_RULES, inChunks(long))
    assert.equal(kept[0]?.length, 'E 200003 '.length + KEPT_MOST)
    assert.deepEqual(hear(SERVER_RULES, [long]), kept)
  })

  it('lets a row of 64 MiB pass without holding it', () => {
    const row = 64 * 1024 * 1024
    const head = Buffer.concat([Buffer.from('D'), int32(row + 4)])
    const chunk = Buffer.alloc(64 * 1024)
    const listener = new Listener()
    const reader = new FrameReader(SERVER_RULES, listener)
    const before = process.memoryUsage().arrayBuffers

    reader.feed(head)
    for (let fed = 0; fed < row; fed += chunk.length) reader.feed(chunk)

    assert.deepEqual(listener.heard, [`D ${row} `])
    assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024)
  })

  it('throws nothing but WireError, whatever bytes either side sends', () => {
    fc.assert(
      fc.property(
        mutated(FROM_CLIENT),
        mutated(FROM_SERVER),
        fc.nat(200),
        (client, server, size) => {
          const readers = [
            [new FrameReader(CLIENT_RULES, new Listener()), client],
            [new FrameReader(SERVER_RULES, new Listener()), server],
          ] as const
          for (const [reader, bytes] of readers) {
            try {
              for (const chunk of inChunks(bytes, size + 1)) reader.feed(chunk)
            } catch (thrown) {
              assert.ok(thrown instanceof WireError, String(thrown))
            }
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

function hear(rules: typeof CLIENT_RULES, chunks: readonly Buffer[]): string[] {
  const listener = new Listener()
  const reader = new FrameReader(rules, listener)
  for (const chunk of chunks) reader.feed(chunk)
  return listener.heard
}

function inChunks(bytes: Buffer, size = 10_000): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}

/** The bytes with a few of them changed; often still framed, seldom still meaningful. */
function mutated(bytes: Buffer): fc.Arbitrary<Buffer> {
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
  return fc.array(change, { maxLength: 6 }).map((changes) => {
    const copy = Buffer.from(bytes)
    for (const [at, byte] of changes) copy[at] = byte
    return copy
  })
}
