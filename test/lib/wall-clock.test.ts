import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { offsetText } from '../../lib/offset.ts'
import { wallClock } from '../../lib/wall-clock.ts'

describe('the clocks of a zone', () => {
  const slowly = (at: DateTime<true>, zone: string) => {
    const local = at.setZone(zone)
    return { text: local.toFormat('yyyy-LL-dd HH:mm:ss'), offset: offsetText(local) }
  }
  const instant = (millis: number): DateTime<true> => {
    const at = DateTime.fromMillis(millis, { zone: 'utc' })
    assert.ok(at.isValid)
    return at
  }
  const HOUR = 3_600_000

  it('show what luxon says, in every zone and around every change of a year', () => {
    const from = Date.UTC(2026, 0, 1)
    for (const zone of Intl.supportedValuesOf('timeZone')) {
      for (let day = 0; day < 366; day += 17) {
        const at = instant(from + day * 24 * HOUR + 12_345)
        assert.deepEqual(wallClock(at, zone), slowly(at, zone), `${zone} ${at.toISO()}`)
      }
    }
  })

  it('change to the millisecond', () => {
    for (const [zone, change] of [
      ['Europe/Berlin', Date.UTC(2026, 9, 25, 1)],
      ['Europe/Berlin', Date.UTC(2026, 2, 29, 1)],
      ['Australia/Lord_Howe', Date.UTC(2026, 3, 4, 15)],
      ['America/St_Johns', Date.UTC(2026, 10, 1, 4, 30)],
      ['Africa/Monrovia', Date.UTC(1972, 0, 7, 0, 44, 30)],
    ] as const) {
      for (const shift of [-HOUR, -1, 0, 1, HOUR]) {
        const at = instant(change + shift)
        assert.deepEqual(wallClock(at, zone), slowly(at, zone), `${zone} ${at.toISO()}`)
      }
    }
  })

  it('show years beyond four digits and before our time', () => {
    for (const text of ['+012026-11-23T10:00:00Z', '1800-01-01T00:00:00Z']) {
      const at = instant(Date.parse(text))
      assert.deepEqual(wallClock(at, 'Europe/Berlin'), slowly(at, 'Europe/Berlin'))
    }
  })
})
