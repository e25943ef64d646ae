import assert from 'node:assert/strict'
import fc from 'fast-check'
import { serialize } from 'pg-protocol'
import type { FinishedStatement } from '../../../proxy/pairing/record.ts'
import { encodeError, encodeReady } from '../../../proxy/wire/to-client.ts'
import { FollowedWire } from '../../support/followed-wire.ts'
import { functionCall, int16, int32, message } from '../../support/wire-messages.ts'

const error = (severity: 'ERROR' | 'FATAL') =>
  encodeError({ severity, sqlstate: '42601', message: 'no' })

const ASKED = [
  serialize.query('select 1; select 2'),
  serialize.parse({ text: 'select $1' }),
  serialize.parse({ name: 's', text: 'select $1' }),
  serialize.bind({ values: ['1'] }),
  serialize.bind({ portal: 'p', statement: 's', values: [Buffer.of(1), null] }),
  serialize.describe({ type: 'S', name: 's' }),
  serialize.describe({ type: 'P', name: 'p' }),
  serialize.execute({}),
  serialize.execute({ portal: 'p', rows: 1 }),
  serialize.close({ type: 'S', name: 's' }),
  serialize.close({ type: 'P', name: 'p' }),
  functionCall(1, 'a'),
  serialize.sync(),
  serialize.copyData(Buffer.from('data')),
  serialize.copyDone(),
  serialize.copyFail('no'),
]

const ANSWERED = [
  ...['1', '2', '3', 'n', 'I', 's', 'c'].map((type) => message(type)),
  message('t', int16(1), int32(23)),
  message('T', int16(0)),
  message('D', int16(0)),
  ...['SELECT 1', 'COMMIT', 'DISCARD ALL', 'DEALLOCATE', 'CLOSE CURSOR', 'CLOSE CURSOR ALL'].map(
    (tag) => message('C', `${tag}\0`),
  ),
  message('V', int32(-1)),
  ...['G', 'H', 'W'].map((type) => message(type, '\0', int16(0))),
  message('d', 'row'),
  error('ERROR'),
  error('FATAL'),
  ...(['I', 'T', 'E'] as const).map(encodeReady),
]

interface Step {
  readonly from: 'client' | 'server'
  readonly bytes: Buffer
}

const STEP = fc.oneof(
  fc.constantFrom(...ASKED).map((bytes): Step => ({ from: 'client', bytes })),
  fc.constantFrom(...ANSWERED).map((bytes): Step => ({ from: 'server', bytes })),
)

describe('proxy/pairing, answers in any order', () => {
  it('never throws, and ends each record once that it began', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
        const open = new Set<number>()
        let begun = 0
        const wire = new FollowedWire({
          started: ({ number }) => {
            begun += 1
            assert.equal(number, begun)
            open.add(number)
          },
          finished: ({ number, outcome }) => {
            assert.ok(open.delete(number), `${number} ended twice`)
            assert.ok(outcome)
          },
        })
        for (const { from, bytes } of steps) wire[from](bytes)
        wire.tracker.end()

        assert.deepEqual([...open], [])
        assert.equal(wire.tracker.pending, 0)
      }),
      { numRuns: 5000 },
    )
  })

  it('gives the same records when what is open is kept and restored between any two chunks', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 40 }), (steps) => {
        const [one, other] = [follow(steps, false), follow(steps, true)]

        assert.deepEqual(other, one)
      }),
      { numRuns: 1000 },
    )
  })
})

/** The records of a connection, as they ended. */
function follow(steps: readonly Step[], isRestarted: boolean): FinishedStatement[] {
  const finished: FinishedStatement[] = []
  const wire = new FollowedWire(
    { finished: (statement) => finished.push(statement) },
    () => 1_780_000_000_000,
  )
  for (const { from, bytes } of steps) {
    wire[from](bytes)
    if (isRestarted) wire.restart()
  }
  wire.tracker.end()
  return finished
}
