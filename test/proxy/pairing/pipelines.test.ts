import assert from 'node:assert/strict'
import { serialize } from 'pg-protocol'
import type { FinishedStatement, StartedStatement } from '../../../proxy/pairing/record.ts'
import { StatementTracker } from '../../../proxy/pairing/tracker.ts'
import { encodeError, encodeReady } from '../../../proxy/wire/to-client.ts'
import { message } from '../../support/wire-messages.ts'

const { bind, close, execute, parse, query, sync } = serialize

/** So many that their square takes minutes. */
const MANY = 40_000
const MEGABYTE = 1024 * 1024
/** As long as a value is kept. */
const LONG = 'x'.repeat(64 * 1024)
const REFUSED = encodeError({ severity: 'ERROR', sqlstate: '42601', message: 'no' })
const IDLE = encodeReady('I')
const [PARSED, BOUND] = [message('1'), message('2')]

/** Pipelines longer, and clients more patient, than anyone would try on a real server. */
describe('proxy/pairing, long pipelines', () => {
  let finished: FinishedStatement[]
  let started: StartedStatement[]
  let tracker: StatementTracker

  beforeEach(() => {
    finished = []
    started = []
    tracker = new StatementTracker({
      started: (statement) => started.push(statement),
      finished: (statement) => finished.push(statement),
    })
  })

  const asks = (...messages: Buffer[]) => {
    const bytes = Buffer.concat(messages)
    tracker.client(bytes, 0, bytes.length)
  }
  const answers = (...messages: Buffer[]) => {
    const bytes = Buffer.concat(messages)
    tracker.server(bytes, 0, bytes.length)
  }
  const done = (tag: string) => message('C', `${tag}\0`)
  const outcomes = () => finished.map(({ text, outcome }) => [text, outcome])

  it('costs each error what it takes away, however much is pipelined behind', () => {
    asks(
      ...times(
        MANY,
        parse({ name: 's', text: 'selec' }),
        bind({ statement: 's' }),
        execute({}),
        sync(),
      ),
    )
    for (let n = 0; n < MANY; n += 1) answers(REFUSED, IDLE)

    assert.equal(finished.length, MANY)
    assert.ok(finished.every(({ text, outcome }) => text === 'selec' && outcome === 'error'))
    const { statements, portals } = tracker.state.names
    const left = [statements, portals].flatMap(({ planned }) => [...planned.values()])
    assert.deepEqual(
      left.filter((plan) => plan !== undefined),
      [],
    )
  })

  it('costs each COPY what it takes away, however much is pipelined behind', () => {
    asks(...times(MANY, query('copy t from stdin'), sync(), message('c')))
    for (let n = 0; n < MANY; n += 1) answers(message('G', '\0\0\0'), done('COPY 0'), IDLE)

    assert.equal(tracker.pending, 0)
    assert.ok(finished.every(({ kind, outcome }) => kind === 'copy in' && outcome === 'ok'))
  })

  it('reads what is skipped, and what nobody answered, as the server would have come to it', () => {
    asks(parse({ name: 'a', text: 'select 1' }), sync())
    answers(PARSED, IDLE)
    const runs = [bind({ statement: 'a' }), execute({}), sync()]
    asks(parse({ name: 'a', text: 'select 99' }), sync())
    asks(parse({ name: 'b', text: 'selec' }), ...runs, ...runs)
    answers(REFUSED, IDLE, REFUSED, IDLE)
    tracker.end()

    assert.deepEqual(outcomes(), [
      ['select 99', 'error'],
      ['selec', 'error'],
      ['select 1', 'skipped'],
      ['select 1', 'aborted'],
    ])
  })

  it('does not call a cursor of SQL by the text of a Bind that failed', () => {
    asks(parse({ name: 's', text: 'select 1' }), query('begin; declare p cursor for table t'))
    answers(PARSED, done('BEGIN'), done('DECLARE CURSOR'), encodeReady('T'))
    asks(parse({ text: 'selec' }), bind({ portal: 'p', statement: 's' }), sync())
    asks(execute({ portal: 'p' }), sync())
    assert.equal(started.at(-1)?.text, 'select 1')
    answers(REFUSED, encodeReady('T'), done('SELECT 1'), encodeReady('T'))

    assert.deepEqual(outcomes().at(-1), ['SQL cursor p', 'ok'])
  })

  it('forgets the unnamed portal with its transaction, and no sooner', () => {
    asks(parse({ text: 'select 1' }), bind({}), execute({}), sync())
    answers(PARSED, BOUND, done('SELECT 1'), encodeReady('T'))
    asks(execute({}), sync())
    answers(done('SELECT 0'), IDLE)
    asks(execute({}), sync())
    answers(REFUSED, IDLE)

    assert.deepEqual(outcomes(), [
      ['select 1', 'ok'],
      ['select 1', 'ok'],
      ['SQL cursor ', 'error'],
    ])
  })

  it('keeps a later plan for a name when an earlier one comes to nothing', () => {
    asks(
      parse({ name: 'a', text: 'selec' }),
      sync(),
      parse({ name: 'a', text: 'select 2' }),
      sync(),
    )
    answers(REFUSED, IDLE)
    asks(bind({ statement: 'a' }), execute({}), sync())

    assert.equal(started.at(-1)?.text, 'select 2')
    answers(PARSED, IDLE, BOUND, done('SELECT 1'), IDLE)
    assert.deepEqual(outcomes().at(-1), ['select 2', 'ok'])
  })

  describe('behind an error, before the Sync', () => {
    beforeEach(() => {
      asks(parse({ name: 'a', text: 'select 1' }), sync())
      answers(PARSED, IDLE)
      asks(parse({ text: 'selec' }))
      answers(REFUSED)
    })

    it('keeps names up to a limit, and then says that it kept none', () => {
      asks(parse({ name: 'a', text: 'select 2' }), bind({ statement: 'a' }), execute({}))
      for (let n = 0; n < MANY; n += 1) asks(parse({ name: `n${n}`, text: 'select 3' }))
      asks(bind({ statement: 'a' }), execute({}), execute({ portal: 'p' }))

      const { statements, portals } = tracker.state.names
      assert.equal(statements.planned.size + portals.planned.size, 0)
      assert.equal(started.at(-3)?.text, 'select 2')
      assert.match(started.at(-2)?.text ?? '', /^sent behind an error/)
      assert.match(started.at(-1)?.text ?? '', /^sent behind an error/)
      asks(sync(), bind({ statement: 'a' }), execute({}), sync())
      answers(IDLE, BOUND, done('SELECT 1'), IDLE)
      assert.deepEqual(outcomes().at(-1), ['select 1', 'ok'])
    })

    it('does not count what takes the place of something else', () => {
      const value = 'x'.repeat(MEGABYTE)
      for (let n = 0; n < 16; n += 1) {
        asks(parse({ text: 'select $1' }), bind({ values: [value] }), execute({}))
      }
      asks(close({ type: 'S', name: 'a' }), bind({ statement: 'a' }), execute({}))

      assert.equal(started.at(-2)?.text, 'select $1')
      assert.equal(started.at(-1)?.text, 'SQL prepared statement a')
    })
  })

  describe('of one batch, in which an error takes everything back', () => {
    const inserts = (count: number, ...values: string[]) => {
      const one = [bind({ statement: 's', values }), execute({})]
      for (let n = 0; n < count; n += 1) {
        asks(...one)
        answers(BOUND, done('INSERT 0 1'))
      }
    }
    const fails = (state: 'I' | 'E' = 'I') => {
      asks(parse({ text: 'selec' }), sync())
      answers(REFUSED, encodeReady(state))
    }
    const count = (found: (statement: FinishedStatement) => boolean) =>
      finished.filter(found).length

    beforeEach(() => {
      asks(parse({ name: 's', text: 'insert into t values (1)' }))
      answers(PARSED)
    })

    it('says so of a hundred thousand', () => {
      inserts(100_000)
      assert.equal(finished.length, 0)
      fails()

      assert.equal(
        count(({ outcome, rolledBack }) => outcome === 'ok' && rolledBack),
        100_000,
      )
    })

    it('does not claim of more than it keeps that they ended well', () => {
      inserts(1_000, LONG)
      const unsettled = finished.length
      assert.ok(unsettled > 700 && unsettled < 800)
      fails()

      assert.equal(
        count(({ outcome, transaction }) => outcome === 'unknown' && !transaction),
        unsettled,
      )
      assert.equal(
        count(({ outcome, rolledBack }) => outcome === 'ok' && rolledBack),
        1_000 - unsettled,
      )
    })

    it('does not claim that what was done lasts where nobody saw its end', () => {
      inserts(2)
      tracker.end()

      assert.deepEqual(
        finished.map(({ outcome, tag, transaction }) => [outcome, tag, transaction]),
        [
          ['unknown', 'INSERT 0 1', null],
          ['unknown', 'INSERT 0 1', null],
        ],
      )
    })

    it('says that an error took it back also where nobody saw its end', () => {
      inserts(1)
      asks(parse({ text: 'selec' }))
      answers(REFUSED)
      tracker.end()

      assert.deepEqual(
        finished.map(({ outcome, rolledBack }) => [outcome, rolledBack]),
        [
          ['ok', true],
          ['error', false],
        ],
      )
    })

    it('claims it of what was committed, and of what a block had said', () => {
      inserts(1)
      asks(parse({ name: 'c', text: 'commit' }), bind({ statement: 'c' }), execute({}), sync())
      answers(PARSED, BOUND, done('COMMIT'))
      tracker.lost('[lost]')
      assert.deepEqual(
        finished.map(({ outcome }) => outcome),
        ['ok', 'ok', 'unknown'],
      )
      finished = []
      answers(IDLE)
      asks(query('begin'))
      answers(done('BEGIN'), encodeReady('T'))
      inserts(1)
      tracker.end()
      assert.deepEqual(
        finished.map(({ outcome }) => outcome),
        ['ok', 'ok'],
      )
    })

    it('counts a text that many share once, and values each time', () => {
      const text = `select '${'x'.repeat(MEGABYTE)}'`
      asks(parse({ name: 's', text }), sync())
      answers(PARSED, IDLE)
      inserts(1000)
      assert.equal(finished.length, 0)
      fails()
      finished = []

      inserts(1_000, LONG)
      assert.ok(finished.length > 700)
    })

    it('knows what was committed, and what is in a block whose end comes later', () => {
      inserts(1)
      asks(parse({ name: 'c', text: 'commit' }), bind({ statement: 'c' }), execute({}))
      answers(PARSED, BOUND, done('COMMIT'))
      inserts(1_000, LONG)
      assert.deepEqual(
        finished.slice(0, 3).map(({ outcome }) => outcome),
        ['ok', 'ok', 'unknown'],
      )
      fails()

      finished = []
      asks(query('begin'))
      answers(done('BEGIN'), encodeReady('T'))
      inserts(1_000, LONG)
      fails('E')
      assert.equal(
        count(({ outcome }) => outcome === 'ok'),
        1_001,
      )
    })
  })
})

function times(count: number, ...messages: Buffer[]): Buffer[] {
  return Array<Buffer>(count).fill(Buffer.concat(messages))
}
