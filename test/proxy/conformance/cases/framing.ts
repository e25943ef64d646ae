import assert from 'node:assert/strict'
import { int16, int32, message } from '../../../support/wire-messages.ts'
import {
  bind,
  copyData,
  copyDone,
  describeOf,
  execute,
  extended,
  flush,
  lying,
  parse,
  query,
  sync,
} from '../frontend.ts'
import { fieldsOf } from '../raw-client.ts'
import type { TwoSides } from '../two-sides.ts'

/** Traps 10 to 12: what is not the protocol, and the protocol cut at every byte. */
export function framingCases(sides: () => TwoSides): void {
  describe('framing', () => {
    for (const length of [0, 3, -1, 0x80000000, 0x7fffffff]) {
      it(`[10] ends the connection on a length of ${String(length)}`, async () => {
        const [direct, proxied] = await sides().bothIn(async (client) => {
          client.say(lying('Q', length))
          await client.ended()
        })
        // the server only writes it to its log; the proxy tells the client
        assert.match(direct.types, /^\.$/)
        assert.equal(proxied.types, 'E.')
        const { S, C, M } = fieldsOf(proxied.heard[0] ?? assert.fail())
        assert.deepEqual([S, C, M], ['FATAL', '08P01', 'invalid message length'])
      })
    }

    it('[10] ends it on small messages that are large', async () => {
      for (const type of ['S', 'H', 'E', 'D', 'C', 'X', 'c', 'f']) {
        const [direct, proxied] = await sides().bothIn(async (client) => {
          client.say(lying(type, 10_001))
          await client.ended()
        })
        assert.match(direct.types, /^\.$/, type)
        assert.equal(proxied.types, 'E.', type)
      }
    })

    it('[10] takes small messages as long as they may be', async () => {
      const body = Buffer.alloc(10_000 - 4)
      const { types } = await sides().same(async (client) => {
        client.say(message('H', body), message('S', body))
        await client.until('Z')
      })
      assert.equal(types, 'EEZ')
    })

    it('[10] ends it on a type that no client sends, in the server’s words', async () => {
      for (const type of ['Z', 'p', '\0', '\xff']) {
        const [direct, proxied] = await sides().bothIn(async (client) => {
          client.say(message('\0', '').fill(Buffer.from(type, 'latin1'), 0, 1))
          await client.ended()
        })
        const [theirs, ours] = [direct, proxied].map(({ heard }) =>
          fieldsOf(heard[0] ?? assert.fail()),
        )
        assert.equal(direct.types, proxied.types)
        assert.deepEqual(
          [ours?.['S'], ours?.['C'], ours?.['M']],
          [theirs?.['S'], theirs?.['C'], theirs?.['M']],
        )
      }
    })

    it('[11] answers the same to one byte at a time and to all at once', async () => {
      const said = Buffer.concat([
        query('select 1 as one; select 2'),
        extended('select $1::text', ['value']),
        sync,
        parse('select 1/0', 'broken'),
        bind({ statement: 'broken' }),
        execute(),
        flush,
        sync,
        query('copy goods (name) from stdin'),
        copyData('one byte\n'),
        copyDone,
        query('delete from goods'),
      ])
      const whole = await sides().same(async (client) => {
        client.say(said)
        await client.until('Z', 5)
      })
      const bytewise = await sides().same(async (client) => {
        for (const byte of said) {
          client.say(Buffer.of(byte))
          await new Promise((resolve) => setImmediate(resolve))
        }
        await client.until('Z', 5)
      })
      assert.equal(bytewise.types, whole.types)
      assert.match(whole.types, /^TDCTDCZ12TDCZ1EZGCZCZ$/)
    })

    for (const [what, body] of [
      ['no NUL', message('Q', 'select 1')],
      ['bytes behind its NUL', message('Q', 'select 1\0more')],
      ['nothing', message('Q')],
      ['only a NUL', message('Q', '\0')],
      ['bytes that are not UTF-8', message('Q', Buffer.from("select '\xff'\0", 'latin1'))],
    ] as const) {
      it(`[12] has the server answer a Query with ${what}`, async () => {
        await sides().same(async (client) => {
          client.say(body, query('select 2'))
          await client.until('Z', 2)
        })
      })
    }

    for (const [what, body] of [
      ['a negative length', bindBody(int16(0, 1), int32(-2), int16(0))],
      ['a length beyond its end', bindBody(int16(0, 1), int32(1000), Buffer.from('x'))],
      ['a count beyond its end', bindBody(int16(0, 99), int32(1), Buffer.from('1'))],
      ['no values for a parameter', bindBody(int16(0, 0, 0))],
      ['too many values', bindBody(int16(0, 2), int32(1), Buffer.from('1'), int32(-1), int16(0))],
      ['too few formats', bindBody(int16(2, 0, 0, 1), int32(1), Buffer.from('1'), int16(0))],
      ['a format nobody knows', bindBody(int16(1, 7, 1), int32(1), Buffer.from('1'), int16(0))],
      [
        'too many result formats',
        bindBody(int16(0, 1), int32(1), Buffer.from('1'), int16(3, 0, 0, 0)),
      ],
      [
        'a binary integer of 3 bytes',
        bindBody(int16(1, 1, 1), int32(3), Buffer.from('abc'), int16(0)),
      ],
      ['bytes behind its end', bindBody(int16(0, 1), int32(1), Buffer.from('1'), int16(0, 0, 0))],
      ['no NUL', message('B', 'portal')],
      ['a portal that exists', bindBody(int16(0, 1), int32(1), Buffer.from('1'), int16(0))],
    ] as const) {
      it(`[12] has the server answer a Bind with ${what}`, async () => {
        const { types } = await sides().same(async (client) => {
          client.say(parse('select $1::int', 's'), body, execute('p'), sync)
          await client.until('Z')
          client.say(query('select 2'))
          await client.until('Z')
        })
        assert.match(types, what === 'a portal that exists' ? /^12DCZ/ : /^1EZ/)
      })
    }

    for (const [what, packets] of [
      ['a Describe of neither kind', [message('D', 'X\0')]],
      ['a Describe without a kind', [message('D')]],
      ['a Describe without a NUL', [message('D', 'Sabc')]],
      ['a Close of neither kind', [message('C', 'Q\0')]],
      ['an Execute without a limit', [message('E', '\0')]],
      ['an Execute of nothing', [execute('nobody')]],
      ['a Parse without types', [message('P', '\0select 1\0')]],
      [
        'a Parse with more types than are there',
        [message('P', '\0select 1\0', int16(9), int32(25))],
      ],
      ['a Parse with a negative count', [message('P', '\0select 1\0', int16(-1))]],
      ['a Describe of nothing', [describeOf('S', 'nobody')]],
      ['a Sync with a body', [message('S', 'body')]],
      ['a Flush with a body', [message('H', 'body')]],
    ] as const) {
      it(`[12] has the server answer ${what}`, async () => {
        await sides().same(async (client) => {
          client.say(...packets, sync, query('select 2'))
          await client.until('C')
          await client.until('Z')
        })
      })
    }
  })
}

function bindBody(...parts: readonly Buffer[]): Buffer {
  return message('B', 'p\0s\0', ...parts)
}
