import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { resolveRequest, resolveWindow, type AskedWindow } from '../../broker/sessions/window.ts'

describe('window', () => {
  const now = instant('2026-03-01T12:00:00Z')
  const roles = [
    { name: 'slow', defaultMinutes: 45, maximumMinutes: 120 },
    { name: 'quick', defaultMinutes: 30, maximumMinutes: 60 },
  ]
  const resolve = (asked: AskedWindow) => resolveWindow(asked, roles, now)
  const faultOf = (asked: AskedWindow): string[] => {
    const resolved = resolve(asked)
    return 'faults' in resolved ? Object.keys(resolved.faults) : []
  }
  const spanOf = (asked: AskedWindow): [string, string] | undefined => {
    const resolved = resolve(asked)
    if ('faults' in resolved || resolved.window.kind !== 'fixed') return undefined
    return [resolved.window.start.toISO(), resolved.window.end.toISO()]
  }

  it('is the shortest default from now when nothing is said', () => {
    assert.deepEqual(spanOf({}), ['2026-03-01T12:00:00.000Z', '2026-03-01T12:30:00.000Z'])
  })

  it('takes a start up to a minute back as now, and keeps the end', () => {
    const end = now.plus({ minutes: 10 })
    assert.deepEqual(spanOf({ start: now.minus({ seconds: 60 }), end }), [
      '2026-03-01T12:00:00.000Z',
      '2026-03-01T12:10:00.000Z',
    ])
    assert.deepEqual(faultOf({ start: now.minus({ seconds: 60, milliseconds: 1 }), end }), [
      'start',
    ])
  })

  it('starts later when asked, at most a year ahead', () => {
    assert.deepEqual(spanOf({ start: now.plus({ days: 30 }), minutes: 1 }), [
      '2026-03-31T12:00:00.000Z',
      '2026-03-31T12:01:00.000Z',
    ])
    assert.deepEqual(faultOf({ start: now.plus({ years: 1 }), minutes: 1 }), [])
    assert.deepEqual(faultOf({ start: now.plus({ years: 1, milliseconds: 1 }), minutes: 1 }), [
      'start',
    ])
  })

  it('lasts from five seconds to the shortest maximum, to the millisecond', () => {
    const lasting = (milliseconds: number) => faultOf({ end: now.plus({ milliseconds }) })

    assert.deepEqual(lasting(4_999), ['end'])
    assert.deepEqual(lasting(5_000), [])
    assert.deepEqual(lasting(3_600_000), [])
    assert.deepEqual(lasting(3_600_001), ['end'])
    assert.deepEqual(faultOf({ end: now }), ['end'])
  })

  it('says which role bound it and what would do', () => {
    const most = 'quick may be had for at most 60 minutes at a time'
    const fewer = { faults: { minutes: `${most}: enter 60 or fewer.` } }
    assert.deepEqual(resolve({ minutes: 61 }), fewer)
    assert.deepEqual(resolve({ fromApproval: true, minutes: 61 }), fewer)
    const late = now.plus({ minutes: 61 })
    for (const [zone, time] of [
      ['utc', '2026-03-01 13:00 UTC'],
      ['Europe/Warsaw', '2026-03-01 14:00 UTC +1'],
      ['Asia/Kolkata', '2026-03-01 18:30 UTC +5:30'],
    ] as const) {
      const end = late.setZone(zone)
      assert.ok(end.isValid)
      assert.deepEqual(resolve({ end }), {
        faults: { end: `${most}: choose an end no later than ${time}.` },
      })
    }
  })

  it('refuses what contradicts itself', () => {
    assert.deepEqual(faultOf({ end: now.plus({ minutes: 5 }), minutes: 5 }), ['minutes'])
    assert.deepEqual(faultOf({ fromApproval: true, start: now }), ['start'])
    assert.deepEqual(faultOf({ fromApproval: true, end: now }), ['end'])
    for (const minutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.deepEqual(faultOf({ minutes }), ['minutes'])
    }
  })

  it('begins in 25 or 30 days as it stands, and in 400 not at all', () => {
    for (const days of [25, 30]) {
      const start = now.plus({ days })
      const end = start.plus({ minutes: 30 }).toISO()
      assert.deepEqual(spanOf({ start }), [start.toISO(), end])
    }
    assert.deepEqual(resolve({ start: now.plus({ days: 400 }) }), {
      faults: { start: 'The start lies more than a year ahead: choose an earlier one.' },
    })
  })

  it('is waited for as long as asked, and no longer than it lasts or the organization lets it', () => {
    const diesAfter = (asked: AskedWindow) => {
      const resolved = resolveRequest(asked, roles, { now, lifeMinutes: 120 })
      return 'faults' in resolved
        ? resolved.faults['ttlMinutes']
        : resolved.diesAt.diff(now).as('minutes')
    }

    assert.equal(diesAfter({ minutes: 20 }), 20)
    assert.equal(diesAfter({ minutes: 20, ttlMinutes: 0.5 }), 0.5)
    assert.equal(diesAfter({ minutes: 20, ttlMinutes: 20 }), 20)
    assert.equal(
      diesAfter({ minutes: 20, ttlMinutes: 21 }),
      'The request lapses when its window closes: enter 20 minutes or fewer, or leave this empty.',
    )
    assert.equal(diesAfter({ start: now.plus({ hours: 5 }), minutes: 20, ttlMinutes: 310 }), 310)
    assert.equal(diesAfter({ fromApproval: true }), 120)
    assert.equal(diesAfter({ fromApproval: true, ttlMinutes: 60 }), 60)
    assert.match(
      String(diesAfter({ fromApproval: true, ttlMinutes: 121 })),
      /only so long: enter 120/,
    )
    assert.match(
      String(diesAfter({ end: now.plus({ seconds: 30 }), ttlMinutes: 1 })),
      /: leave this/,
    )
    for (const ttlMinutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.match(String(diesAfter({ ttlMinutes })), /above 0/)
    }
  })

  it('counts from approval by length alone', () => {
    assert.deepEqual(resolve({ fromApproval: true, minutes: 20 }), {
      window: { kind: 'from approval', minutes: 20 },
    })
    assert.deepEqual(faultOf({ fromApproval: true, minutes: 61 }), ['minutes'])
  })
})

function instant(text: string): DateTime<true> {
  const at = DateTime.fromISO(text, { zone: 'utc' })
  if (!at.isValid) throw new Error(`not an instant: ${text}`)
  return at
}
