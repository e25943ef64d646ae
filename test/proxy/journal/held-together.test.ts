import assert from 'node:assert/strict'
import { serialize } from 'pg-protocol'
import { EventSlab } from '../../../proxy/journal/event-slab.ts'
import { GROUP_HEAD_BYTES } from '../../../proxy/journal/events.ts'
import { Replay } from '../../../proxy/journal/replay.ts'
import { ANSWER } from '../../support/conversation.ts'
import { WireEvents } from '../../support/wire-events.ts'

const MIB = 1024 * 1024
const NOW = 1_780_000_000_000
const TEXT_BYTES = 10_000

/** Many connections whose batches go on without an end: together they must not fill the thread. */
describe('what is held for the end of a batch', () => {
  let replay: Replay
  let finished: { readonly whose: string; readonly outcome: string }[]
  let slab: EventSlab
  let connections: Map<string, WireEvents>

  beforeEach(() => {
    finished = []
    replay = new Replay(
      {
        finished: ({ outcome }, { id }) => void finished.push({ whose: id, outcome }),
        failed: (error) => assert.fail(String(error)),
      },
      MIB,
    )
    slab = new EventSlab()
    connections = new Map()
  })

  function read(): void {
    replay.take(Buffer.from(slab.group(() => 0).subarray(GROUP_HEAD_BYTES)))
    slab.clear()
  }

  function open(id: string): WireEvents {
    const wire = new WireEvents(slab, connections.size + 1)
    wire.opened({ id, session: '1', organization: 'o', statuses: [] }, NOW)
    connections.set(id, wire)
    return wire
  }

  /** Runs so many, each with a text of its own, without a Sync. */
  function run(id: string, count: number): void {
    const wire = connections.get(id) ?? open(id)
    for (let n = 0; n < count; n += 1) {
      const text = `insert /* ${n} */ ${'x'.repeat(TEXT_BYTES)}`
      const asked = [serialize.parse({ text }), serialize.bind({}), serialize.execute({})]
      wire.client(Buffer.concat(asked), NOW)
      wire.server(Buffer.concat([ANSWER.parsed, ANSWER.bound, ANSWER.done('INSERT 0 1')]), NOW)
      read()
    }
  }

  function sync(id: string): void {
    connections.get(id)?.client(serialize.sync(), NOW)
    connections.get(id)?.server(ANSWER.ready, NOW)
    read()
  }

  const outcomes = (id: string) => {
    const of = finished.filter(({ whose }) => whose === id)
    const count = (wanted: string) => of.filter(({ outcome }) => outcome === wanted).length
    return { ok: count('ok'), unknown: count('unknown') }
  }

  it('has a bound for all of them: the one that holds most goes first, as unknown', () => {
    run('little', 20)
    run('most', 50)
    run('some', 25)
    assert.equal(finished.length, 0)
    run('some', 5)
    run('little', 1)
    assert.deepEqual(outcomes('most'), { ok: 0, unknown: 49 })
    for (const id of connections.keys()) sync(id)
    assert.deepEqual(outcomes('most'), { ok: 1, unknown: 49 })
    assert.deepEqual(outcomes('some'), { ok: 30, unknown: 0 })
    assert.deepEqual(outcomes('little'), { ok: 21, unknown: 0 })
  })

  it('counts what goes out again, and what is kept over a restart', () => {
    for (let time = 0; time < 5; time += 1) {
      run('one', 60)
      sync('one')
    }
    assert.deepEqual(outcomes('one'), { ok: 300, unknown: 0 })
    run('one', 60)
    connections.get('one')?.closed('closed by the client', NOW)
    read()
    connections.delete('one')
    run('two', 60)
    assert.deepEqual(outcomes('two'), { ok: 0, unknown: 0 })

    const kept = structuredClone(replay.open)
    replay = new Replay(
      {
        finished: ({ outcome }, { id }) => void finished.push({ whose: id, outcome }),
        failed: (error) => assert.fail(String(error)),
      },
      MIB,
    )
    replay.restore('life', NOW, kept)
    run('three', 60)
    assert.deepEqual([outcomes('two').unknown, outcomes('three').unknown], [59, 0])
  })

  it('stays bounded where each holds as little as it can: then not even its newest waits', () => {
    for (let n = 0; n < 300; n += 1) run(`number ${n}`, 1)
    const held = 300 - finished.length
    assert.ok(held * TEXT_BYTES <= MIB, `${held} of 300 are held`)
    assert.ok(finished.every(({ outcome }) => outcome === 'unknown'))
    for (let n = 0; n < 300; n += 1) run(`number ${n}`, 1)
    for (const id of connections.keys()) sync(id)
    assert.equal(finished.length, 600)
    assert.ok(finished.filter(({ outcome }) => outcome === 'ok').length <= MIB / TEXT_BYTES)
  })
})
