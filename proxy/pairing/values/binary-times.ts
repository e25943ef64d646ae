import type { Body } from '../../wire/body.ts'

/** Binary dates and times as PostgreSQL prints them with DateStyle ISO, in UTC. */

const MICROS_A_DAY = 86_400_000_000n
/** PostgreSQL counts days from 2000-01-01; the civil calendar below from 0000-03-01. */
const DAYS_TO_2000 = 730_425
const INT64_MOST = 0x7fffffffffffffffn
const INT64_LEAST = -INT64_MOST - 1n
const INT32_MOST = 0x7fffffff
const INT32_LEAST = -INT32_MOST - 1

export function readDate(body: Body): string {
  const days = body.int32()
  if (days === INT32_MOST) return 'infinity'
  if (days === INT32_LEAST) return '-infinity'
  const { date, era } = civilDate(days)
  return date + era
}

export function readTime(body: Body): string {
  return clock(readMicros(body))
}

export function readTimestamp(body: Body): string {
  return timestamp(readMicros(body), '')
}

export function readTimestampTz(body: Body): string {
  return timestamp(readMicros(body), '+00')
}

/** IntervalStyle postgres: `1 year 2 mons -3 days +04:05:06.7`. */
export function readInterval(body: Body): string {
  const micros = readMicros(body)
  const days = body.int32()
  const months = body.int32()
  const parts: string[] = []
  let sign = ''
  for (const [count, unit] of datePart(months, days)) {
    if (count === 0) continue
    parts.push(`${count > 0 ? sign : ''}${count} ${unit}${count === 1 ? '' : 's'}`)
    sign = count < 0 ? '+' : ''
  }
  if (micros === 0n && parts.length > 0) return parts.join(' ')
  parts.push(micros < 0n ? `-${clock(-micros)}` : sign + clock(micros))
  return parts.join(' ')
}

function datePart(months: number, days: number): [count: number, unit: string][] {
  return [
    [Math.trunc(months / 12), 'year'],
    [months % 12, 'mon'],
    [days, 'day'],
  ]
}

function readMicros(body: Body): bigint {
  return body.bytes(8).readBigInt64BE(0)
}

function timestamp(micros: bigint, zone: string): string {
  if (micros === INT64_MOST) return 'infinity'
  if (micros === INT64_LEAST) return '-infinity'
  const ofDay = ((micros % MICROS_A_DAY) + MICROS_A_DAY) % MICROS_A_DAY
  const { date, era } = civilDate(Number((micros - ofDay) / MICROS_A_DAY))
  return `${date} ${clock(ofDay)}${zone}${era}`
}

function clock(micros: bigint): string {
  const seconds = micros / 1_000_000n
  const fraction = (micros % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '')
  const parts = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n]
  const text = parts.map((part) => part.toString().padStart(2, '0')).join(':')
  return fraction === '' ? text : `${text}.${fraction}`
}

/** Days to a date of the proleptic Gregorian calendar, in 400-year eras that begin in March. */
function civilDate(daysFrom2000: number): { date: string; era: string } {
  const days = daysFrom2000 + DAYS_TO_2000
  const era = Math.floor(days / 146_097)
  const dayOfEra = days - era * 146_097
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524)
  const yearOfEra = Math.floor((dayOfEra - leaps + Math.floor(dayOfEra / 146_096)) / 365)
  const beforeYear = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  const dayOfYear = dayOfEra - beforeYear
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const shown = [year > 0 ? year : 1 - year, month, day]
  const [y = '', m = '', d = ''] = shown.map((part, index) =>
    part.toString().padStart(index === 0 ? 4 : 2, '0'),
  )
  return { date: `${y}-${m}-${d}`, era: year > 0 ? '' : ' BC' }
}
