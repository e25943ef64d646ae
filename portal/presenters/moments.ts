import { DateTime, IANAZone } from 'luxon'
import { wallClock, type WallClock } from '../../lib/wall-clock.ts'
import type { Countdown, Moment, ZoneChoice } from './pieces.ts'
import { zoneText } from './zones.ts'

/** The zones a reader sees times in. */
export interface Zones {
  /** Central Manager's: an IANA name. */
  readonly central: string
  /** The reader's own, once they have said it. */
  readonly own?: string | undefined
}

/** An instant in Central Manager's zone, and in the reader's own or in UTC beside it. */
export function presentMoment(at: DateTime<true>, zones: Zones): Moment {
  const central = wallClock(at, zones.central)
  const other = wallClock(at, zones.own ?? 'utc')
  return {
    iso: at.toUTC().toISO(),
    text: wallText(central),
    also: other.offset === central.offset ? undefined : wallText(other),
  }
}

/** As presentMoment; undefined stays undefined. */
export function presentMaybe(at: DateTime<true> | null, zones: Zones): Moment | undefined {
  return at === null ? undefined : presentMoment(at, zones)
}

/** `2026-11-23 09:04:00 UTC`; undefined where a presented moment says it already. */
export function presentUtc(at: DateTime<true>, zones: Zones): string | undefined {
  const { text, also } = presentMoment(at, zones)
  const utc = wallText(wallClock(at, 'utc'))
  return text === utc || also === utc ? undefined : utc
}

/** `45 s`, `24 min`, `3 h 05 min`, `8 h`, `2 d 3 h`: a length in the words of a clock. */
export function lengthText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.floor(hours / 24)} d${hours % 24 > 0 ? ` ${hours % 24} h` : ''}`
  const rest = minutes % 60
  if (hours > 0) return `${hours} h${rest > 0 ? ` ${String(rest).padStart(2, '0')} min` : ''}`
  return minutes > 0 ? `${minutes} min` : `${seconds} s`
}

/** The same of a length that is kept in minutes: `30 min`, `8 h`. */
export function minutesText(minutes: number): string {
  return lengthText(minutes * MINUTE_MS)
}

const MINUTE_MS = 60_000

/** What still passes until an instant; `from` adds how much of the window is over. */
export function presentCountdown(
  before: string,
  until: DateTime<true>,
  { now, from }: { now: DateTime<true>; from?: DateTime<true> | null },
): Countdown {
  const left = until.toMillis() - now.toMillis()
  const whole = from ? until.toMillis() - from.toMillis() : 0
  const passed = whole > 0 ? Math.round(100 * (1 - left / whole)) : undefined
  return {
    until: until.toUTC().toISO(),
    before,
    text: lengthText(left),
    passed: passed === undefined ? undefined : Math.min(100, Math.max(0, passed)),
    from: passed === undefined ? undefined : from?.toUTC().toISO(),
  }
}

/** Central Manager's zone, the reader's own and UTC, as a form offers them. */
export function presentZones(zones: Zones, chosen: string): ZoneChoice[] {
  const now = DateTime.utc()
  const hint = (zone: string): string => zoneText(zone, now)
  const own = chosen !== 'central' && chosen !== 'utc' && chosen !== '' ? chosen : zones.own
  return [
    {
      value: 'central',
      kind: 'central',
      label: 'Central Manager',
      chosen: chosen === 'central' || chosen === '',
      hint: hint(zones.central),
    },
    {
      value: own ?? '',
      kind: 'local',
      label: 'Local Timezone',
      chosen: own !== undefined && chosen === own,
      hint: own === undefined ? undefined : hint(own),
    },
    { value: 'utc', kind: 'utc', label: 'UTC', chosen: chosen === 'utc' },
  ]
}

/** The zone that a posted choice stands for; undefined for one that no list knows. */
export function zoneOf(choice: string, zones: Zones): string | undefined {
  if (choice === 'central' || choice === '') return zones.central
  if (choice === 'utc') return 'utc'
  return IANAZone.isValidZone(choice) ? choice : undefined
}

function wallText({ text, offset }: WallClock): string {
  return `${text} ${offset}`
}
