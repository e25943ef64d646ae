import assert from 'node:assert/strict'
import { Unanswered } from '../../../proxy/watch/unanswered.ts'

/** More than a call may have arguments: a client may pipeline as many. */
const MANY = 300_000

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
