import assert from 'node:assert/strict'
import fc from 'fast-check'
import { serialize } from 'pg-protocol'
import { WireError } from '../../../proxy/errors.ts'
import { Body, decodeUtf8 } from '../../../proxy/wire/body.ts'
import * as client from '../../../proxy/wire/client-messages.ts'
import { LARGE_MOST, LENGTH_FIELD } from '../../../proxy/wire/limits.ts'
import * as server from '../../../proxy/wire/server-messages.ts'
import * as encode from '../../../proxy/wire/to-client.ts'
import { encodeSaslInitial, encodeSaslResponse } from '../../../proxy/wire/to-server.ts'
import { functionCall, int16, int32 } from '../../support/wire-messages.ts'

const body = (packet: Buffer) => new Body(packet.subarray(5))

describe('proxy/wire/client-messages', () => {
  it('reads what a client says', () => {
    const parse = serialize.parse({ name: 'n', text: 'select $1', types: [23, 0] })
    assert.deepEqual(client.readParse(body(parse), decodeUtf8), {
      name: 'n',
      text: 'select $1',
      types: [23, 0],
    })
    assert.equal(client.readQuery(body(serialize.query('ü')), decodeUtf8), 'ü')
    assert.deepEqual(
      client.readTarget(body(serialize.close({ type: 'P', name: 'p' })), decodeUtf8),
      {
        kind: 'portal',
        name: 'p',
      },
    )
    const execute = serialize.execute({ portal: 'p', rows: 7 })
    assert.equal(client.readExecute(body(execute), decodeUtf8), 'p')
    assert.equal(client.readCopyFail(body(serialize.copyFail('no')), decodeUtf8), 'no')
    assert.equal(client.readPassword(body(serialize.password('pw'))), 'pw')
    assert.equal(client.readFunctionCall(body(functionCall(1397, '1'))).oid, 1397)
  })

  it('reads values of a Bind in all ways to give formats', () => {
    const bind = serialize.bind({
      portal: 'p',
      statement: 's',
      values: ['a', null, Buffer.of(1), ''],
    })
    assert.deepEqual(client.readBind(body(bind), decodeUtf8), {
      portal: 'p',
      statement: 's',
      parameters: [
        { binary: false, bytes: Buffer.from('a') },
        { binary: false, bytes: null },
        { binary: true, bytes: Buffer.of(1) },
        { binary: false, bytes: Buffer.alloc(0) },
      ],
    })
    const values = [int16(2), int32(1), Buffer.from('x'), int32(-1), int16(0)]
    for (const [formats, binary] of [
      [int16(0), false],
      [int16(1, 1), true],
    ] as const) {
      const sent = Buffer.concat([Buffer.from('\0\0'), formats, ...values])
      const { parameters } = client.readBind(new Body(sent), decodeUtf8)
      assert.deepEqual(
        parameters.map((parameter) => parameter.binary),
        [binary, binary],
      )
    }
  })

  it('reads both SASL responses', () => {
    const first = encodeSaslInitial('SCRAM-SHA-256', 'n,,n=,r=abc')
    assert.deepEqual(readInitial(body(first)), ['SCRAM-SHA-256', 'n,,n=,r=abc'])
    assert.equal(client.readSaslResponse(body(encodeSaslResponse('c=biws'))), 'c=biws')
    const without = Buffer.concat([Buffer.from('X\0'), int32(-1)])
    assert.deepEqual(readInitial(new Body(without)), ['X', undefined])
    for (const length of [-2, 1, 2 ** 31 - 1]) {
      const broken = Buffer.concat([Buffer.from('X\0'), int32(length)])
      assert.throws(() => readInitial(new Body(broken)), WireError)
    }
  })

  it('refuses counts and lengths beyond the body', () => {
    const start = Buffer.from('\0\0')
    for (const rest of [
      [int16(-1)],
      [int16(0, 1), int32(-2), int16(0)],
      [int16(0, 1), int32(5), Buffer.from('four')],
      [int16(2, 0, 0, 1), int32(-1), int16(0)],
      [int16(0, 0)],
      [int16(0, 0, 0), Buffer.from('more')],
    ]) {
      const sent = Buffer.concat([start, ...rest])
      assert.throws(() => client.readBind(new Body(sent), decodeUtf8), WireError)
    }
  })

  it('never steps backwards', () => {
    for (const length of [-1, -2, -(2 ** 31)]) {
      const at = new Body(Buffer.alloc(8))
      at.bytes(4)
      assert.throws(() => at.bytes(length), WireError)
      assert.throws(() => at.textOf(length), WireError)
    }
  })

  it('throws nothing but WireError, whatever the bytes', () => {
    const readers = [...Object.values(client), ...Object.values(server)]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const read of readers) {
          try {
            read(new Body(Buffer.from(bytes)), decodeUtf8)
          } catch (thrown) {
            assert.ok(thrown instanceof WireError, String(thrown))
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('proxy/wire/to-client', () => {
  it('[37] encodes nothing that is longer than a message may be', () => {
    const body = Buffer.allocUnsafe(LARGE_MOST - LENGTH_FIELD + 1)
    assert.throws(() => encode.encodeAsItCame({ type: 0x4e, body }), WireError)
  })

  it('says what our own decoders read', () => {
    const authentication = (packet: Buffer) => server.readAuthentication(body(packet))
    assert.deepEqual(authentication(encode.encodeAuthenticationOk()), { kind: 'ok' })
    assert.deepEqual(authentication(encode.encodeSasl(['A', 'B'])), {
      kind: 'sasl',
      mechanisms: ['A', 'B'],
    })
    const challenge = { kind: 'sasl continue', data: 'r=1' }
    assert.deepEqual(authentication(encode.encodeSaslContinue('r=1')), challenge)
    assert.deepEqual(authentication(encode.encodeSaslFinal('v=1')), {
      kind: 'sasl final',
      data: 'v=1',
    })
    assert.deepEqual(server.readParameterStatus(body(encode.encodeParameterStatus('a', 'b'))), [
      'a',
      'b',
    ])
    const key = Buffer.alloc(32, 1)
    assert.deepEqual(server.readBackendKey(body(encode.encodeBackendKey(7, key))), { pid: 7, key })
    const negotiation = encode.encodeNegotiation(2, ['_pq_.x'])
    assert.deepEqual(server.readNegotiation(body(negotiation)), {
      minor: 2,
      unknownOptions: ['_pq_.x'],
    })
    assert.equal(negotiation.readInt32BE(5), (3 << 16) | 2)
    assert.equal(server.readReady(body(encode.encodeReady('T'))), 'T')
  })

  it('reports errors and notices with all their fields, and lets no NUL begin another', () => {
    const report = {
      severity: 'FATAL',
      sqlstate: '28P01',
      message: 'no\0Cxxxxx',
      hint: 'h',
    } as const
    for (const packet of [encode.encodeError(report), encode.encodeNotice(report)]) {
      const { severity, sqlstate, message, fields } = server.readReport(body(packet))
      assert.deepEqual([severity, sqlstate, message], ['FATAL', '28P01', 'noCxxxxx'])
      assert.equal(fields.get('H'), 'h')
    }
  })
})

describe('proxy/wire/server-messages', () => {
  it('reads an error that has no end as far as it goes', () => {
    const { sqlstate, message } = server.readReport(new Body(Buffer.from('C42601\0Mno en')))

    assert.deepEqual([sqlstate, message], ['42601', 'no en'])
  })

  it('reads the requests that we refuse by name', () => {
    const kinds = [3, 7, 5].map(
      (code) =>
        server.readAuthentication(new Body(int32(code, 0).subarray(0, code === 5 ? 8 : 4))).kind,
    )

    assert.deepEqual(kinds, ['cleartext password', 'other', 'md5 password'])
  })
})

function readInitial(from: Body): [mechanism: string, data: string | undefined] {
  return [client.readMechanism(from), client.readSaslInitial(from)]
}
