import assert from 'node:assert/strict'
import { serialize } from 'pg-protocol'
import { EventSlab } from '../../../proxy/journal/event-slab.ts'
import type { ScreenedMessage } from '../../../proxy/statements/screened.ts'
import { Screen } from '../../../proxy/statements/screening.ts'
import { CLIENT_RULES } from '../../../proxy/wire/frame-rules.ts'
import { FrameReader, type Frame } from '../../../proxy/wire/frames.ts'
import { KEPT_MOST } from '../../../proxy/wire/limits.ts'
import { WireEvents } from '../../support/wire-events.ts'
import { message } from '../../support/wire-messages.ts'

const URL_TEXT = `select 'postgresql://u:hunter2@h/d'::int`
const PADDING = 'x'.repeat(KEPT_MOST)

describe('an error about what had a secret in it', () => {
  let screen: Screen
  beforeEach(() => (screen = new Screen()))

  /** What the journal holds of what a client says; undefined where it holds it as it came. */
  function say(...messages: readonly Buffer[]): ScreenedMessage[] {
    const found: ScreenedMessage[] = []
    const reader = new FrameReader(CLIENT_RULES, {
      message: (frame) => {
        const isStreamed = frame.start === frame.end && frame.length > 0
        const instead = isStreamed ? screen.passed(frame) : screen.whole(frame)
        if (instead) found.push(JSON.parse(instead.toString()) as ScreenedMessage)
      },
      piece: (frame) => screen.piece(frame),
    })
    // in pieces, as a network brings them
    const bytes = Buffer.concat(messages)
    for (let at = 0; at < bytes.length; at += 1000) reader.feed(bytes.subarray(at, at + 1000))
    return found
  }

  /** What the journal holds of an error. */
  function kept(sqlstate: string, words: string): string {
    const said = screen.error(frameOf(message('E', `SERROR\0VERROR\0C${sqlstate}\0M${words}\0\0`)))
    assert.ok(said.includes(`C${sqlstate}\0`))
    return said.toString()
  }

  for (const [sqlstate, words] of [
    ['42601', 'syntax error at or near "hunter2"'],
    ['22P02', 'invalid input syntax for type integer: "postgresql://u:hunter2@h/d"'],
    ['22P02', 'invalid input syntax for type integer: "hunter2"'],
    ['38000', 'program "PGPASSWORD=hunter2 psql -h x" failed'],
    ['P0001', 'it was hunter2'],
    ['22023', 'invalid value for parameter "x": "hunter2"'],
    ['XX000', 'hunter2'],
  ] as const) {
    it(`says nothing of it in ${sqlstate} ${words}`, () => {
      say(serialize.query(URL_TEXT))
      assert.doesNotMatch(kept(sqlstate, words), /hunter2/)
    })
  }

  it('says nothing of a bound value either', () => {
    say(serialize.bind({ values: ['postgresql://u:hunter2@h/d'] }))
    assert.doesNotMatch(kept('22P02', 'invalid input syntax: "hunter2"'), /hunter2/)
  })

  it('keeps the words that name nothing but what the database knows', () => {
    say(serialize.query(`alter role r password 'hunter2'`))
    assert.match(
      kept('42501', 'permission denied to alter role'),
      /Mpermission denied to alter role\0/,
    )
    assert.match(kept('57014', 'canceling statement due to user request'), /user request/)
    assert.match(kept('23505', 'duplicate key value violates "k"'), /violates "k"/)
  })

  it('says nothing of a connection string that nobody was seen to send', () => {
    say(serialize.query('select connect()'))
    assert.match(kept('P0001', 'near "x"'), /near "x"/)
    const said = kept('38000', 'grün: program "PGPASSWORD=hunter2 psql -h x" failed')
    assert.match(said, /Mgr..?n: program "PGPASSWORD=\[redacted\] psql -h x" failed\0/)
  })

  describe('of a prepared statement', () => {
    const bind = (statement: string) => serialize.bind({ statement })
    const quoting = () => kept('22P02', 'invalid input syntax: "hunter2"')

    it('says nothing of it in a later batch, however often it is asked', () => {
      say(serialize.parse({ name: 's', text: URL_TEXT }), serialize.sync())
      screen.settled()
      for (let time = 0; time < 2; time += 1) {
        say(bind('s'), serialize.execute({}), serialize.sync())
        assert.doesNotMatch(quoting(), /hunter2/)
        screen.settled()
      }
    })

    it('says nothing where its values are too long to keep, or the statement is', () => {
      say(serialize.parse({ name: 's', text: `${URL_TEXT} /* ${PADDING} */` }), serialize.sync())
      screen.settled()
      say(serialize.bind({ statement: 's', values: [PADDING + PADDING] }))
      assert.doesNotMatch(quoting(), /hunter2/)
    })

    it('says all of it where another was asked', () => {
      say(serialize.parse({ name: 's', text: URL_TEXT }), serialize.sync())
      screen.settled()
      say(bind('t'), serialize.execute({}), serialize.sync())
      assert.match(quoting(), /hunter2/)
    })

    it('says all of it once another has its name, but not before that is sure', () => {
      say(serialize.parse({ text: URL_TEXT }), serialize.sync())
      screen.settled()
      say(serialize.parse({ text: 'selec' }), bind(''), serialize.sync())
      assert.doesNotMatch(quoting(), /hunter2/)
      screen.settled()
      say(bind(''), serialize.sync())
      assert.doesNotMatch(quoting(), /hunter2/)
      screen.settled()
      say(serialize.parse({ text: 'select 1' }), bind(''), serialize.sync())
      screen.settled()
      say(bind(''), serialize.sync())
      assert.match(quoting(), /hunter2/)
    })

    it('says nothing once there were too many to remember, or SQL has prepared one', () => {
      for (let n = 0; n < 2000; n += 1) say(serialize.parse({ name: `s${n}`, text: URL_TEXT }))
      screen.settled()
      say(bind('s1999'))
      assert.doesNotMatch(quoting(), /hunter2/)

      screen = new Screen()
      say(serialize.query(`prepare s as ${URL_TEXT}`))
      screen.settled()
      say(serialize.query('execute s'))
      assert.doesNotMatch(quoting(), /hunter2/)
    })
  })

  describe('as the journal holds it', () => {
    const DO_TEXT = `do $$ begin perform dblink('postgresql://u:hunter2@h/d'); end $$`
    const ready = (state: string) => message('Z', state)
    const quoting = (state: string) =>
      Buffer.concat([
        message('E', 'SERROR\0VERROR\0CP0001\0Mno such thing: "hunter2"\0\0'),
        ready(state),
      ])
    let slab: EventSlab
    let wire: WireEvents
    beforeEach(() => {
      slab = new EventSlab()
      wire = new WireEvents(slab, 1)
    })
    const journal = () => slab.group(() => 0).toString('latin1')
    const ask = (...asked: readonly Buffer[]) => wire.client(Buffer.concat(asked), 0)

    it('says nothing of a prepared one, in whichever batch it runs', () => {
      ask(serialize.parse({ name: 's', text: DO_TEXT }), serialize.sync())
      wire.server(Buffer.concat([message('1'), ready('I')]), 0)
      ask(serialize.bind({ statement: 's' }), serialize.execute({}), serialize.sync())
      wire.server(Buffer.concat([message('2'), quoting('I')]), 0)
      assert.match(journal(), /P0001/)
      assert.doesNotMatch(journal(), /hunter2/)
    })

    it('says nothing for as long as the transaction that has its cursor, and then all again', () => {
      ask(serialize.query('begin'))
      wire.server(Buffer.concat([message('C', 'BEGIN\0'), ready('T')]), 0)
      ask(serialize.query(`declare c cursor for ${URL_TEXT}`))
      wire.server(Buffer.concat([message('C', 'DECLARE CURSOR\0'), ready('T')]), 0)
      ask(serialize.query('fetch c'))
      wire.server(quoting('E'), 0)
      assert.doesNotMatch(journal(), /hunter2/)
      ask(serialize.query('rollback'))
      wire.server(Buffer.concat([message('C', 'ROLLBACK\0'), ready('I')]), 0)
      ask(serialize.query('select 1'))
      wire.server(quoting('I'), 0)
      assert.match(journal(), /hunter2/)
    })
  })

  describe('behind what is kept of a long text', () => {
    const long = (rest: string) => `select 1 /* ${PADDING} */ ${rest}`
    const text = (said: readonly ScreenedMessage[]) => {
      const [only] = said
      assert.ok(only?.kind === 'query')
      return only
    }

    for (const rest of [
      `; alter role r password 'hunter2'`,
      `; alter role r PassWord$$hunter2$$`,
      `, 'postgresql://u:hunter2@h/d'`,
      `, 'md5${'0'.repeat(32)}'`,
      `; do 'begin alter role r pass'\n  'word ''hunter2''; end'`,
      `; do e'begin alter role r \\x70assword \\'hunter2\\'; end'`,
      `; alter role r U&"p\\0061ssword" 'hunter2'`,
    ]) {
      it(`has no digest and is not quoted: ${JSON.stringify(rest)}`, () => {
        for (let shift = 0; shift < 3; shift += 1) {
          screen = new Screen()
          const { cut, redacted } = text(say(serialize.query(long(' '.repeat(shift * 7) + rest))))
          assert.ok(cut)
          assert.equal(cut.sha256, null)
          assert.equal(redacted, true)
          assert.doesNotMatch(kept('42601', 'syntax error at or near "hunter2"'), /hunter2/)
        }
      })
    }

    it('is found wherever the cut and the pieces fall', () => {
      for (let shift = 0; shift < 30; shift += 1) {
        screen = new Screen()
        const sql = `/*${'x'.repeat(KEPT_MOST - 40 + shift)}*/ alter role r password 'hunter2' -- ${'y'.repeat(99)}`
        assert.equal(text(say(serialize.query(sql))).cut?.sha256, null, `${shift}`)
      }
      for (let shift = 0; shift < 30; shift += 1) {
        screen = new Screen()
        const sql = `/*${'x'.repeat(KEPT_MOST + 1400 + shift)}*/ alter role r password 'hunter2'`
        assert.equal(text(say(serialize.query(sql))).cut?.sha256, null, `${shift}`)
      }
    })

    for (const rest of [
      `; insert into accounts (name, password) values ('a', 'b')`,
      `, '\\xdeadbeef'`,
      `, 'C:\\temp',\n 'b'`,
      `, 'plain'`,
    ]) {
      it(`keeps the digest where there is none: ${JSON.stringify(rest)}`, () => {
        const { cut, redacted } = text(say(serialize.query(long(rest))))
        assert.match(cut?.sha256 ?? '', /^[0-9a-f]{64}$/)
        assert.equal(redacted, false)
      })
    }

    for (const again of [
      "e'",
      "e''",
      "'\n",
      '\\',
      'password )',
      "'--",
      'u&',
      '\n ',
      'md5',
      "'  ",
      "'\n--x",
    ]) {
      it(`is looked for in time that its length pays for: ${JSON.stringify(again)}`, () => {
        const bytes = serialize.query(long(again.repeat(1_000_000 / again.length)))
        const reader = new FrameReader(CLIENT_RULES, {
          message: () => undefined,
          piece: (frame) => screen.piece(frame),
        })
        const began = performance.now()
        for (let at = 0; at < bytes.length; at += KEPT_MOST) {
          reader.feed(bytes.subarray(at, at + KEPT_MOST))
        }
        assert.ok(performance.now() - began < 5_000)
      })
    }

    it('is looked for in values too', () => {
      const [bound] = say(
        serialize.bind({
          values: [`${PADDING} the password`, `host=h ${PADDING} password=hunter2`, 'short'],
        }),
      )
      assert.ok(bound?.kind === 'bind')
      assert.deepEqual(
        bound.parameters.map(({ cut }) => cut && typeof cut.sha256),
        ['string', 'object', null],
      )
      assert.doesNotMatch(kept('22P02', 'invalid input syntax: "hunter2"'), /hunter2/)
    })
  })
})

function frameOf(bytes: Buffer): Frame {
  const end = bytes.length
  return { type: bytes.readUInt8(0), length: end - 5, bytes, start: 5, end, head: 0 }
}
