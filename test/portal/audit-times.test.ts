import assert from 'node:assert/strict'
import { DateTime } from 'luxon'
import { readAuditForm, type AuditForm } from '../../portal/forms/audit-filter.ts'
import { readInstant } from '../../portal/forms/instants.ts'
import { meaningsOf, timeValue } from '../../portal/presenters/audit-filters.ts'
import { stampText, timeColumn } from '../../portal/presenters/zones.ts'
import { instant } from '../support/trail.ts'

/** Half and quarter hours, changes of half an hour, of two, at midnight, in Ramadan, and none. */
const ZONES = [
  'Europe/Warsaw',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'Africa/Casablanca',
  'Antarctica/Troll',
  'Asia/Tehran',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'UTC',
] as const

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** Minutes on both sides of a change; the longest repeats two hours, the shortest half of one. */
const AROUND = [1, 15, 29, 30, 31, 45, 59, 60, 61, 90, 119, 120, 121]
const NOW = Date.UTC(2026, 10, 23)
/** No two changes of a zone lie closer together. */
const STEP = 14 * 24 * HOUR

/** Every instant from 2020 to 2030 at which a zone's offset changes. */
function changesOf(zone: string): number[] {
  const offsetAt = (at: number): number => DateTime.fromMillis(at, { zone }).offset
  const changes: number[] = []
  const end = Date.UTC(2031, 0, 1)
  let known = offsetAt(Date.UTC(2020, 0, 1))
  for (let at = Date.UTC(2020, 0, 1); at < end; at += STEP) {
    const next = offsetAt(at + STEP)
    if (next === known) continue
    let [before, after] = [at, at + STEP]
    while (after - before > MINUTE) {
      const middle = before + Math.floor((after - before) / 2 / MINUTE) * MINUTE
      if (offsetAt(middle) === known) before = middle
      else after = middle
    }
    changes.push(after)
    known = next
  }
  return changes
}

const read = (zone: string, query: Readonly<Record<string, string>>): AuditForm =>
  readAuditForm({ zone, ...query }, { central: 'UTC' })

/** What the form offers where it asks, as the values that its choices send. */
function offeredBy(form: AuditForm): string[] {
  const meanings = meaningsOf(form, 'since', { central: 'UTC' })
  return meanings?.choices.map(({ value }) => value) ?? []
}

describe('a time that is shown and typed again', () => {
  for (const zone of ZONES) {
    it(`is the same instant in ${zone}, or is asked back with it among the choices`, () => {
      const changes = changesOf(zone)
      let asked = 0
      for (const change of changes.length === 0 ? [Date.UTC(2026, 2, 29, 1)] : changes) {
        for (const minutes of [0, ...AROUND, ...AROUND.map((minute) => -minute)]) {
          // every other one within a minute
          asked += checkInstant(zone, change + minutes * MINUTE + (minutes % 2) * 7_089)
        }
      }
      const hasRepeats = changes.some((at) => offset(zone, at) < offset(zone, at - MINUTE))
      assert.equal(asked > 0, hasRepeats, `${String(asked)} asked`)
    })
  }

  it('is so in every zone that the time zone database knows', () => {
    const seen = new Set<string>()
    for (const zone of Intl.supportedValuesOf('timeZone')) {
      const changes = changesOf(zone)
      // many cities share one rule
      const rule = [...changes, offset(zone, Date.UTC(2020, 0, 1)), offset(zone, NOW)].join()
      if (seen.has(rule)) continue
      seen.add(rule)
      for (const change of changes) {
        for (const minutes of [0, ...AROUND, ...AROUND.map((minute) => -minute)]) {
          checkText(zone, change + minutes * MINUTE)
        }
      }
    }
    assert.ok(seen.size > 50, `only ${String(seen.size)} rules`)
  })

  const offset = (zone: string, at: number): number => DateTime.fromMillis(at, { zone }).offset

  /** What a clock of the zone shows means this instant, or is asked back with it among the two. */
  function checkText(zone: string, millis: number): void {
    const text = DateTime.fromMillis(millis, { zone }).toFormat('yyyy-LL-dd HH:mm')
    const reading = readInstant(text, { zone, day: 'first' })
    const meant = reading.ok ? [reading.value] : reading.meanings
    assert.equal(meant.length, reading.ok ? 1 : 2, `${zone} ${text}`)
    assert.ok(
      meant.some((at) => at.toMillis() === millis),
      `${zone} ${text}`,
    )
  }

  /** 1 where the time had to be asked back. */
  function checkInstant(zone: string, millis: number): number {
    const exact = new Date(millis).toISOString()
    // the way of a link: with its offset, then as the field shows it
    const linked = read(zone, { since: exact })
    assert.equal(linked.filter.since?.toMillis(), millis, `${zone} ${exact}`)
    const typed = read(zone, { since: timeValue(linked, 'since') })
    if (typed.filter.since !== null) {
      assert.equal(typed.filter.since.toMillis(), millis, `${zone} ${exact}`)
      assert.deepEqual(offeredBy(linked), [], `${zone} ${exact}`)
    } else {
      checkAsked(zone, millis, typed)
    }
    checkShown(zone, millis)
    return typed.filter.since === null ? 1 : 0
  }

  function checkAsked(zone: string, millis: number, form: AuditForm): void {
    assert.match(form.mistakes['since'] ?? '', /comes twice/)
    const offered = offeredBy(form)
    assert.equal(offered.length, 2)
    const meant = offered.find((value) => Date.parse(value) === millis)
    assert.ok(meant, `${zone} ${new Date(millis).toISOString()} is none of ${offered.join(', ')}`)
    const answered = read(zone, { since: timeValue(form, 'since'), sinceMeant: meant })
    assert.equal(answered.filter.since?.toMillis(), millis)
    assert.deepEqual(answered.mistakes, {})
  }

  /** The way of a row: what stands in the table, without the offset behind it, to the second. */
  function checkShown(zone: string, millis: number): void {
    const at = DateTime.fromMillis(Math.floor(millis / 1000) * 1000, { zone: 'utc' })
    assert.ok(at.isValid)
    const shown = stampText(at, timeColumn(zone, at)).slice(0, 19)
    const form = read(zone, { since: shown })
    const meant = offeredBy(form).find((value) => Date.parse(value) === at.toMillis())
    const read2 = form.filter.since ?? (meant === undefined ? undefined : DateTime.fromISO(meant))
    assert.equal(read2?.toMillis(), at.toMillis(), `${zone} ${shown}`)
  }
})

describe('a range of time', () => {
  const now = instant('2026-10-25T10:00:00Z')
  const since = (range: string, more: Readonly<Record<string, string>> = {}): string => {
    const form = readAuditForm({ range, ...more }, { central: 'Europe/Warsaw' }, { now })
    return form.filter.since?.toISO() ?? Object.values(form.mistakes).join(' ')
  }

  it('ends now and begins where the zone says', () => {
    assert.equal(since('hour'), '2026-10-25T09:00:00.000Z')
    // the day that is 25 hours long
    assert.equal(since('today'), '2026-10-24T22:00:00.000Z')
    assert.equal(since('today', { zone: 'utc' }), '2026-10-25T00:00:00.000Z')
    assert.equal(since('7d'), '2026-10-18T09:00:00.000Z')
    assert.equal(since('30d', { zone: 'Asia/Kolkata' }), '2026-09-25T10:00:00.000Z')
  })

  it('gives way to what is typed, and goes with Until', () => {
    assert.equal(since('7d', { since: '2026-10-01' }), '2026-09-30T22:00:00.000Z')
    const form = readAuditForm(
      { range: '7d', until: '2026-10-20' },
      { central: 'Europe/Warsaw' },
      { now },
    )
    assert.deepEqual(form.mistakes, {})
    assert.equal(form.filter.until?.toISO(), '2026-10-20T21:59:59.999Z')
  })

  it('is one of those that there are', () => {
    assert.match(since('week'), /Use hour, today, 7d, 30d as the range, not week/)
  })
})
