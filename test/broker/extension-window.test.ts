import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { resolveExtension } from '../../broker/extension/window.ts'

describe('what an extension means', () => {
  const now = instant('2026-03-01T12:00:00Z')
  const end = now.plus({ minutes: 10 })
  const roles = [
    { name: 'slow', defaultMinutes: 45, maximumMinutes: 120, approvalsNeeded: 1 },
    { name: 'quick', defaultMinutes: 30, maximumMinutes: 60, approvalsNeeded: 0 },
  ]
  const start = now.minus({ minutes: 20 })
  const faultsOf = (
    asked: Parameters<typeof resolveExtension>[0],
    { from = end, of = roles }: { from?: DateTime<true>; of?: typeof roles } = {},
  ) => {
    const resolved = resolveExtension(asked, { start, end: from, roles: of, now })
    return 'faults' in resolved ? Object.entries(resolved.faults).flat().join(': ') : undefined
  }

  it('counts from the end it moves, and its length from now, to the millisecond', () => {
    assert.equal(faultsOf({ minutes: 50 }), undefined)
    assert.equal(faultsOf({ end: now.plus({ minutes: 60 }) }), undefined)
    assert.match(faultsOf({ end: now.plus({ minutes: 60, milliseconds: 1 }) }) ?? '', /^end: quick/)
    assert.match(faultsOf({ minutes: 50.0001 }) ?? '', /quick .* from now on: enter 50 more/)
    const more = resolveExtension({ minutes: 1.5 }, { start, end, roles, now })
    assert.deepEqual('newEnd' in more && more.newEnd, end.plus({ seconds: 90 }))
  })

  it('speaks of the end in the zone it was given in', () => {
    const late = now.plus({ minutes: 61 }).setZone('Europe/Warsaw')
    assert.ok(late.isValid)
    assert.match(faultsOf({ end: late }) ?? '', /no later than 2026-03-01 14:00 UTC \+1\.$/)
  })

  it('refuses what contradicts itself, shortens or says nothing', () => {
    assert.match(faultsOf({}) ?? '', /^minutes/)
    assert.match(faultsOf({ minutes: 5, end: now.plus({ hours: 1 }) }) ?? '', /not both/)
    assert.match(faultsOf({ end }) ?? '', /lasts until 2026-03-01 12:10 UTC anyway/)
    for (const minutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 0.000001]) {
      assert.match(faultsOf({ minutes }) ?? '', /^minutes/)
    }
    const full = now.plus({ minutes: 60 })
    assert.match(
      faultsOf({ minutes: 5 }, { from: full }) ?? '',
      /lasts that long already: ask nearer/,
    )
  })

  it('stays within the maximum from its start where nobody has to approve it', () => {
    const of = roles.filter(({ name }) => name === 'quick')

    assert.equal(faultsOf({ minutes: 30 }, { of }), undefined)
    assert.match(faultsOf({ minutes: 31 }, { of }) ?? '', /quick .* 60 minutes in all.* 30 more/)
    assert.match(
      faultsOf({ end: now.plus({ minutes: 41 }) }, { of }) ?? '',
      /^end: quick .* no later than 2026-03-01 12:40 UTC\.$/,
    )
    const full = start.plus({ minutes: 60 })
    assert.match(
      faultsOf({ minutes: 1 }, { of, from: full }) ?? '',
      /lasts that long already: ask for a new session/,
    )
  })
})

function instant(text: string): DateTime<true> {
  const at = DateTime.fromISO(text, { zone: 'utc' })
  if (!at.isValid) throw new Error(`not an instant: ${text}`)
  return at
}
