import assert from 'node:assert/strict'
import fc from 'fast-check'
import { serialize } from 'pg-protocol'
import { WireError } from '../../../proxy/errors.ts'
import { Intake } from '../../../proxy/wire/intake.ts'
import {
  encodeCancel,
  encodeStartup,
  readHello,
  startupValue,
} from '../../../proxy/wire/startup.ts'
import { encodeTlsRequest } from '../../../proxy/wire/to-server.ts'
import { int32 } from '../../support/wire-messages.ts'

const VERSION_3_0 = int32(3 << 16)

describe('proxy/wire/startup', () => {
  it('reads what pg-protocol sends', () => {
    const hello = readHello(packet(serialize.startup({ user: 'u', database: 'd' })))

    assert.ok(hello.kind === 'startup')
    assert.equal(hello.minor, 0)
    assert.equal(hello.user, 'u')
    assert.equal(hello.database, 'd')
    assert.equal(startupValue(hello.parameters, 'client_encoding'), 'UTF8')
    assert.deepEqual(hello.protocolOptions, [])
  })

  it('passes every parameter on byte for byte, but for user and database', () => {
    const raw = Buffer.concat([
      Buffer.from('user\0me\0options\0-c a=b\0application_name\0'),
      Buffer.from([0xff, 0xe9, 0]),
      Buffer.from('_pq_.test\0x\0database\0mine\0\0'),
    ])
    const hello = readHello(Buffer.concat([int32((3 << 16) | 2), raw]))
    assert.ok(hello.kind === 'startup')

    const { parameters } = hello
    const sent = encodeStartup({ minor: 2, user: 'dp_1', database: 'theirs', parameters })

    assert.deepEqual(hello.protocolOptions, ['_pq_.test'])
    assert.equal(hello.minor, 2)
    const expected = 'user\0dp_1\0database\0theirs\0options\0-c a=b\0application_name\0\xff\xe9\0\0'
    assert.equal(sent.toString('latin1', 8), expected)
    assert.equal(sent.readInt32BE(0), sent.length)
    assert.equal(sent.readInt32BE(4), (3 << 16) | 2)
  })

  it('knows no database when none was asked for', () => {
    const hello = readHello(Buffer.concat([VERSION_3_0, Buffer.from('user\0u\0\0')]))

    assert.ok(hello.kind === 'startup')
    assert.equal(hello.database, undefined)
  })

  it('reads requests for TLS and GSS, and cancel requests with keys of 4 to 256 bytes', () => {
    assert.deepEqual(readHello(packet(encodeTlsRequest())), { kind: 'tls' })
    assert.deepEqual(readHello(int32(80877104)), { kind: 'gss' })
    for (const length of [4, 32, 256]) {
      const key = Buffer.alloc(length, 7)
      assert.deepEqual(readHello(packet(encodeCancel(42, key))), { kind: 'cancel', pid: 42, key })
    }
    assert.deepEqual(readHello(packet(serialize.cancel(42, 7))), {
      kind: 'cancel',
      pid: 42,
      key: int32(7),
    })
  })

  it('reads a cancel request of any other size too: nobody has such a key, and nothing is answered', () => {
    for (const length of [0, 3, 257]) {
      const key = Buffer.alloc(length)
      assert.deepEqual(readHello(packet(encodeCancel(42, key))), { kind: 'cancel', pid: 42, key })
    }
    const short = readHello(int32(80877102))
    assert.deepEqual(short, { kind: 'cancel', pid: 0, key: Buffer.alloc(0) })
  })

  for (const [what, bytes, sqlstate] of [
    ['protocol 2', int32(2 << 16), '0A000'],
    ['protocol 4', int32(4 << 16), '0A000'],
    ['no user', Buffer.concat([VERSION_3_0, Buffer.from('database\0d\0\0')]), '28000'],
    ['no terminator', Buffer.concat([VERSION_3_0, Buffer.from('user\0u\0')]), '08P01'],
    ['a name without a value', Buffer.concat([VERSION_3_0, Buffer.from('user\0')]), '08P01'],
    ['bytes behind its end', Buffer.concat([VERSION_3_0, Buffer.from('user\0u\0\0x')]), '08P01'],
    ['nothing', Buffer.alloc(0), '08P01'],
  ] as const) {
    it(`refuses a packet with ${what}`, () => {
      assert.throws(() => readHello(bytes), { name: 'WireError', sqlstate })
    })
  }

  it('throws nothing but WireError, whatever is sent', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, isVersion3) => {
        const sent = Buffer.concat([isVersion3 ? VERSION_3_0 : Buffer.alloc(0), bytes])
        try {
          readHello(sent)
        } catch (thrown) {
          assert.ok(thrown instanceof WireError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('proxy/wire/intake', () => {
  it('gives packets one by one, wherever they were cut, and keeps the rest in view', () => {
    const hello = serialize.startup({ user: 'u' })
    const answer = serialize.password('secret')
    const sent = Buffer.concat([hello, answer, serialize.sync()])
    for (let cut = 0; cut <= sent.length; cut += 1) {
      const intake = new Intake()
      intake.push(sent.subarray(0, cut))
      const early = intake.takeStartup()
      intake.push(sent.subarray(cut))

      assert.deepEqual(early ?? intake.takeStartup(), hello.subarray(4))
      assert.deepEqual(intake.takeMessage(), { type: 0x70, body: answer.subarray(5) })
      assert.deepEqual(intake.rest, serialize.sync())
      assert.deepEqual(intake.drain(), serialize.sync())
      assert.equal(intake.rest.length, 0)
    }
  })

  it('shows bytes stuffed behind a TLS request', () => {
    const intake = new Intake()
    intake.push(Buffer.concat([encodeTlsRequest(), Buffer.from('stuffed')]))
    intake.takeStartup()

    assert.equal(intake.rest.toString(), 'stuffed')
  })

  it('refuses impossible lengths as soon as they are there', () => {
    for (const length of [0, 4, 7, -1, 10_005, 2 ** 31 - 1]) {
      const intake = new Intake()
      intake.push(int32(length))
      assert.throws(() => intake.takeStartup(), WireError)
    }
    for (const length of [0, 3, -1, 65_536, 2 ** 31 - 1]) {
      const intake = new Intake()
      intake.push(Buffer.concat([Buffer.from('p'), int32(length)]))
      assert.throws(() => intake.takeMessage(), WireError)
    }
  })

  it('refuses a flood', () => {
    const intake = new Intake()

    assert.throws(() => {
      for (;;) intake.push(Buffer.alloc(64 * 1024))
    }, WireError)
  })
})

function packet(bytes: Buffer): Buffer {
  return bytes.subarray(4)
}
