import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { EventSlab } from '../../../proxy/journal/event-slab.ts'
import { EVENT, EVENT_HEAD_BYTES, GROUP_HEAD_BYTES } from '../../../proxy/journal/events.ts'
import { CopyRun } from '../../../proxy/watch/copy-run.ts'
import { EventWriter } from '../../../proxy/watch/event-writer.ts'

const KIB = 1024
const MIB = 1024 * KIB
const BEGAN = 1_780_000_000_000

describe('what a COPY carries', () => {
  let run: CopyRun

  beforeEach(() => {
    run = new CopyRun(BEGAN)
  })

  function carry(...pieces: readonly Buffer[]): void {
    for (const piece of pieces) {
      run.add(piece, 0, piece.length)
      run.message()
    }
  }

  const ended = () => told((writer) => run.tellEnd(writer))
  const progress = (now: number) => told((writer) => run.tellProgress(writer, now))

  it('is told at its end: messages, bytes and the digest of all of it', () => {
    carry(Buffer.from('1\tapple\n'), Buffer.from(''), Buffer.from('2\tpear\n'))
    assert.deepEqual(ended(), {
      messages: 3,
      bytes: 15,
      isFinal: true,
      digest: digestOf(Buffer.from('1\tapple\n2\tpear\n')),
    })
  })

  it('is nothing, with the digest of nothing, where nothing was carried', () => {
    assert.deepEqual(ended(), {
      messages: 0,
      bytes: 0,
      isFinal: true,
      digest: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    })
  })

  it('has the same digest wherever messages and pieces are cut', () => {
    const all = patterned(3000)
    for (let first = 0; first <= 100; first += 1) {
      for (const size of [1, 47, 48, 49, 1000, 2999]) {
        run = new CopyRun(BEGAN)
        carry(all.subarray(0, first), ...cut(all.subarray(first), size))
        const { bytes, digest } = ended() ?? {}
        assert.deepEqual([bytes, digest], [all.length, digestOf(all)], `${first}, then ${size}`)
      }
    }
  })

  it('has it around what is gathered for the hash, and around what is too long to be', () => {
    const all = patterned(200 * KIB)
    for (const size of [...around(64 * KIB), ...around(32 * KIB), ...around(8 * KIB), 4096, 111]) {
      run = new CopyRun(BEGAN)
      carry(...cut(all, size))
      const { messages, bytes, digest } = ended() ?? {}
      assert.equal(messages, Math.ceil(all.length / size), `${size}`)
      assert.deepEqual([bytes, digest], [all.length, digestOf(all)], `pieces of ${size}`)
    }
  })

  it('keeps the order of short pieces and long ones', () => {
    const all = patterned(60 * KIB)
    for (const long of [...around(8 * KIB), 20 * KIB]) {
      run = new CopyRun(BEGAN)
      const rest = all.subarray(5 + long)
      carry(all.subarray(0, 5), all.subarray(5, 5 + long), rest.subarray(0, 60))
      carry(...cut(rest.subarray(60), long))
      assert.equal(ended()?.digest, digestOf(all), `a long piece of ${long}`)
    }
  })

  it('is read from the middle of a chunk, which may be used again at once', () => {
    const chunk = Buffer.alloc(300)
    const pieces = Array.from({ length: 500 }, (_, n) => patterned(10 + (n % 90), n))
    for (const [n, piece] of pieces.entries()) {
      const at = n % 200
      chunk.fill(0xee)
      piece.copy(chunk, at)
      run.add(chunk, at, at + piece.length)
    }
    assert.equal(ended()?.digest, digestOf(Buffer.concat(pieces)))
  })

  it('is not told of before a second, and then only what is new', () => {
    carry(Buffer.from('1\n'), Buffer.from('2\n'))
    assert.equal(progress(BEGAN + 999), undefined)
    assert.deepEqual(progress(BEGAN + 1000), {
      messages: 2,
      bytes: 4,
      isFinal: false,
      digest: undefined,
    })
    carry(Buffer.from('33\n'))
    assert.equal(progress(BEGAN + 1999), undefined)
    assert.deepEqual(pick(progress(BEGAN + 2000)), [1, 3, false])
    carry(Buffer.from('4\n'))
    assert.deepEqual(pick(ended()), [1, 2, true])
  })

  it('has the digest of all of it, not of what came since it was last told of', () => {
    carry(Buffer.from('1\n'))
    progress(BEGAN + 1000)
    carry(Buffer.from('2\n'))
    assert.equal(ended()?.digest, digestOf(Buffer.from('1\n2\n')))
  })

  it('is told of within the second once it is 64 MiB more', () => {
    const piece = Buffer.alloc(MIB)
    for (let n = 0; n < 63; n += 1) carry(piece)
    carry(piece.subarray(1))
    assert.equal(progress(BEGAN + 1), undefined)
    carry(piece.subarray(0, 1))
    assert.deepEqual(pick(progress(BEGAN + 1)), [65, 64 * MIB, false])
    carry(piece)
    assert.equal(progress(BEGAN + 2), undefined)
  })
})

interface Told {
  readonly messages: number
  readonly bytes: number
  readonly isFinal: boolean
  readonly digest: string | undefined
}

/** What a run writes into an event; undefined if it writes none. */
function told(tell: (writer: EventWriter) => void): Told | undefined {
  const slab = new EventSlab()
  const writer = new EventWriter(slab, 1, EVENT.client)
  writer.open(BEGAN)
  tell(writer)
  writer.close()
  const group = slab.group(() => 0)
  if (group.length === GROUP_HEAD_BYTES) return undefined
  const message = group.subarray(GROUP_HEAD_BYTES + EVENT_HEAD_BYTES)
  assert.equal(message.toString('latin1', 0, 1), 'd')
  assert.equal(message.readUInt32BE(1), message.length - 1)
  const isFinal = message.readUInt8(17) === 1
  assert.equal(message.length, isFinal ? 50 : 18)
  return {
    messages: message.readUInt32BE(5),
    bytes: message.readDoubleBE(9),
    isFinal,
    digest: isFinal ? message.toString('hex', 18) : undefined,
  }
}

function pick(what: Told | undefined) {
  return what && [what.messages, what.bytes, what.isFinal]
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Bytes in which none stands where it could be taken for its neighbour. */
function patterned(length: number, from = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => from + at * 7 + (at >> 8)))
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, n) => bytes.subarray(n * size, (n + 1) * size))
}

function around(size: number): number[] {
  return [size - 1, size, size + 1]
}
