import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { parseSessionId } from '../../lib/ids.ts'
import { presentReminders } from '../../portal/presenters/reminders.ts'

describe('the banner that reminds of an end', () => {
  const now = DateTime.utc()
  const id = parseSessionId('7')
  assert.ok(id)
  const ends = [{ id, dataSource: 'shop', end: now.plus({ minutes: 5 }), now }]

  it('stands above other pages, those of what runs in the session among them', () => {
    for (const path of ['/sessions', '/sessions/70', '/sessions/7/running']) {
      assert.equal(presentReminders(ends, path).length, 1, path)
    }
  })

  it('does not repeat what the page of the session says, nor above the answer to a post', () => {
    for (const path of ['/sessions/7', '/sessions/7/credential', '/sessions/7/extension']) {
      assert.deepEqual(presentReminders(ends, path), [], path)
    }
  })
})
