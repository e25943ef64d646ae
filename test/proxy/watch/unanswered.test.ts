import assert from 'node:assert/strict'
import { serialize } from 'pg-protocol'
import { EventSlab } from '../../../proxy/journal/event-slab.ts'
import { Unanswered } from '../../../proxy/watch/unanswered.ts'
import { WireEvents } from '../../support/wire-events.ts'

/** More than a call may have arguments: a client may pipeline as many. */
const MANY = 300_000
/** So many that their square takes minutes. */
const FAILED = 100_000

describe('what a server has not answered yet', () => {
  let unanswered: Unanswered

  beforeEach(() => {
    unanswered = new Unanswered()
  })

  it('is nothing once each Query has its ReadyForQuery', () => {
    for (let n = 0; n < MANY; n += 1) unanswered.query()
    for (let n = 1; n < MANY; n += 1) unanswered.ready()
    assert.equal(unanswered.isEmpty, false)
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('begins behind the next Sync after an error, however much was pipelined', () => {
    unanswered.extended()
    unanswered.sync()
    for (let n = 0; n < MANY; n += 1) unanswered.query()
    unanswered.error()
    for (let n = 0; n < MANY; n += 1) unanswered.ready()
    assert.equal(unanswered.isEmpty, false)
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('costs each error what it takes away, however much is pipelined behind', () => {
    for (let n = 0; n < FAILED; n += 1) {
      unanswered.extended()
      unanswered.sync()
    }
    for (let n = 0; n < FAILED; n += 1) {
      assert.equal(unanswered.isEmpty, false)
      unanswered.error()
      unanswered.ready()
    }
    assert.equal(unanswered.isEmpty, true)
  })

  it('costs each COPY what it takes away, however much is pipelined behind', () => {
    for (let n = 0; n < FAILED; n += 1) {
      unanswered.query()
      unanswered.sync()
      unanswered.copyEnd()
    }
    for (let n = 0; n < FAILED; n += 1) {
      assert.equal(unanswered.isEmpty, false)
      unanswered.copyIn()
      assert.equal(unanswered.isCopyingIn, false)
      unanswered.ready()
    }
    assert.equal(unanswered.isEmpty, true)
  })

  it('is nothing of a Flush, which no server answers', () => {
    const wire = new WireEvents(new EventSlab(), 1)
    wire.client(serialize.flush(), 0)
    assert.equal(wire.unanswered.isEmpty, true)
    wire.client(Buffer.concat([serialize.parse({ text: 'select 1' }), serialize.flush()]), 0)
    assert.equal(wire.unanswered.isEmpty, false)
  })

  it('is nothing of an end of COPY that nobody asked for', () => {
    unanswered.query()
    unanswered.copyEnd()
    unanswered.error()
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('begins with the next Query where one failed behind messages that have no Sync', () => {
    unanswered.extended()
    unanswered.extended()
    unanswered.query()
    unanswered.query()
    unanswered.answered()
    unanswered.answered()
    unanswered.error()
    unanswered.ready()
    assert.equal(unanswered.isEmpty, false)
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('is what a Query was that the server skips behind an error without a Sync: nothing', () => {
    unanswered.extended()
    unanswered.extended()
    unanswered.query()
    unanswered.answered()
    unanswered.error()
    assert.equal(unanswered.isEmpty, true)
    unanswered.sync()
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('waits for a Sync where all before it is answered', () => {
    unanswered.extended()
    unanswered.answered()
    assert.equal(unanswered.isEmpty, false)
    unanswered.sync()
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('costs each answer no more for ends of COPY that nobody asked for', () => {
    unanswered.extended()
    for (let n = 0; n < MANY; n += 1) unanswered.copyEnd()
    unanswered.query()
    for (let n = 0; n < MANY; n += 1) unanswered.answered()
    assert.equal(unanswered.isEmpty, false)
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('knows whose COPY data it is behind messages that have no Sync', () => {
    unanswered.extended()
    unanswered.query()
    unanswered.copyEnd()
    unanswered.answered()
    unanswered.copyIn()
    assert.equal(unanswered.isCopyingIn, false)
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('leaves out every Sync that a COPY swallows, and no other', () => {
    unanswered.query()
    for (let n = 0; n < MANY; n += 1) unanswered.sync()
    unanswered.copyEnd()
    unanswered.sync()
    unanswered.copyIn()
    unanswered.ready()
    assert.equal(unanswered.isEmpty, false)
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })

  it('is COPY data from when the server asks for it up to its end, an error or its answer', () => {
    const ends = [() => unanswered.copyEnd(), () => unanswered.error(), () => unanswered.ready()]
    for (const end of ends) {
      unanswered = new Unanswered()
      unanswered.query()
      assert.equal(unanswered.isCopyingIn, false)
      unanswered.copyIn()
      assert.equal(unanswered.isCopyingIn, true)
      end()
      assert.equal(unanswered.isCopyingIn, false)
    }
  })

  it('is no COPY data where all of it was sent before the server asked', () => {
    unanswered.query()
    unanswered.copyEnd()
    unanswered.query()
    unanswered.copyIn()
    assert.equal(unanswered.isCopyingIn, false)
    unanswered.ready()
    unanswered.copyIn()
    assert.equal(unanswered.isCopyingIn, true)
  })

  it('is nothing behind an error without a Sync: what follows is ignored, and a Sync answered', () => {
    unanswered.extended()
    unanswered.error()
    unanswered.query()
    unanswered.extended()
    assert.equal(unanswered.isEmpty, true)
    unanswered.sync()
    assert.equal(unanswered.isEmpty, false)
    unanswered.ready()
    assert.equal(unanswered.isEmpty, true)
  })
})
