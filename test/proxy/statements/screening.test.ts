import assert from 'node:assert/strict'
import fc from 'fast-check'
import { serialize } from 'pg-protocol'
import { redactSql, redactValue } from '../../../proxy/statements/redaction.ts'
import type { ScreenedMessage } from '../../../proxy/statements/screened.ts'
import { Screen } from '../../../proxy/statements/screening.ts'
import { mayHoldSecret, mayHoldSecretValue } from '../../../proxy/statements/secret-signs.ts'
import { CLIENT_RULES } from '../../../proxy/wire/frame-rules.ts'
import { FrameReader, type Frame } from '../../../proxy/wire/frames.ts'
import { message } from '../../support/wire-messages.ts'

const DIALECTS = [{ backslashEscapes: false }, { backslashEscapes: true }]

/** What secrets and their hiding places are made of. */
const PIECES = [
  'password',
  'PassWord',
  'pass',
  'word',
  "'",
  "'\n'",
  "' \t--x\n'",
  "''",
  ' ',
  '\\',
  '\\141',
  '=',
  'alter role r ',
  "e'",
  "u&'",
  'U&"',
  '$$',
  'hunter2',
  'postgres://u:p@h',
  'PostgreSQL://u:p@h',
  'SCRAM-SHA-256$4096:x',
  `md5${'0'.repeat(32)}`,
  'mp',
  's',
  '--',
  '/*',
  '*/',
  'p!0061ssword',
  " uescape '!'",
  'env PGPASSWORD=',
  '.pgpass ',
  'h:5432:d:u:',
  '\n',
  ';',
  'ü',
]
const TEXT = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 12 })
  .map((pieces) => pieces.join(''))

describe('proxy/screening', () => {
  it('never passes over a text or a value that redaction would change', () => {
    fc.assert(
      fc.property(TEXT, (text) => {
        const bytes = Buffer.from(text)
        for (const dialect of DIALECTS) {
          if (redactSql(text, dialect) !== text)
            assert.ok(mayHoldSecret(bytes, 0, bytes.length), text)
        }
        if (redactValue(text) !== text) assert.ok(mayHoldSecretValue(bytes, 0, bytes.length), text)
      }),
      { numRuns: 20_000 },
    )
  })

  for (const sql of [
    `do 'begin alter role r pass'\n'word ''hunter2''; end'`,
    `do 'begin alter role r pass' \t-- it goes on\r\n 'word ''hunter2''; end'`,
    `do E'begin alter role r \\x70assword ''hunter2''; end'`,
    `alter role r U&"p\\0061ssword" 'hunter2'`,
  ]) {
    it(`sees that a word may be hidden: ${sql}`, () => {
      assert.doesNotMatch(redactSql(sql, { backslashEscapes: false }), /hunter2/)
      assert.ok(mayHoldSecret(Buffer.from(sql), 0, sql.length))
    })
  }

  it('looks no further than the message', () => {
    const bytes = Buffer.from(`select 1 password 'x'`)
    assert.equal(mayHoldSecret(bytes, 0, 14), false)
    assert.equal(mayHoldSecret(bytes, 0, 17), true)
    assert.equal(mayHoldSecret(Buffer.from(`'  \n'`), 0, 3), false)
  })

  it('lets what has no secret through as it came, also where it looked like one', () => {
    const harmless = [
      serialize.query('select 1'),
      serialize.query(`select password from accounts where note = 'a\\b'`),
      serialize.parse({ text: `select 'it''s'` }),
      serialize.bind({ values: ['password', 'a\\b', null, Buffer.of(0, 1, 2)] }),
      message('Q', 'no end'),
    ]
    for (const bytes of harmless) assert.equal(screened(bytes), undefined)
  })

  it('keeps a value that is no text whole or not at all', () => {
    const blob = Buffer.from('\0\0\0\x01postgres://u:hunter2@h/d')
    const found = screened(serialize.bind({ values: [blob, 'one', null] }))
    assert.ok(found?.kind === 'bind')
    assert.deepEqual(
      found.parameters.map(({ text, base64 }) => text ?? base64),
      ['[redacted]', Buffer.from('one').toString('base64'), null],
    )
  })

  it('reads backslashes as the server said it does', () => {
    const screen = new Screen()
    const sql = serialize.query(`alter role r password 'a\\'hunter2'`)
    screen.parameterStatus('standard_conforming_strings', 'off')
    const found = screened(sql, screen)
    assert.ok(found?.kind === 'query')
    assert.equal(found.text, `alter role r password '[redacted]'`)
    assert.equal(found.redacted, true)
  })

  it('quotes syntax errors again once nothing is left that had a secret', () => {
    const screen = new Screen()
    const error = message('E', 'SERROR\0C42601\0Mnear "x"\0P7\0\0')
    const said = () => screen.error(frameOf(error)).toString()
    assert.match(said(), /near "x"/)
    screened(serialize.query(`alter role r password 'hunter2' x`), screen)
    assert.doesNotMatch(said(), /near/)
    screen.settled()
    assert.equal(said(), 'SERROR\0C42601\0Mnear "x"\0\0')
  })
})

function screened(bytes: Buffer, screen = new Screen()): ScreenedMessage | undefined {
  let found: ScreenedMessage | undefined
  const reader = new FrameReader(CLIENT_RULES, {
    message: (frame) => {
      const instead = screen.whole(frame)
      if (instead) found = JSON.parse(instead.toString()) as ScreenedMessage
    },
    piece: () => undefined,
  })
  reader.feed(bytes)
  return found
}

function frameOf(bytes: Buffer): Frame {
  const end = bytes.length
  return { type: bytes.readUInt8(0), length: end - 5, bytes, start: 5, end, head: 0 }
}
