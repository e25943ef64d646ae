import { DateTime } from 'luxon'

/** How a zone's clock is set: back, an hour comes twice; forward, one is missing. */
export type Way = 'back' | 'forward'

/** Zones change their clocks twice a year; some days more than a year may lie between two Octobers. */
const DAYS_AHEAD = 400
const MINUTE_MS = 60_000

/** The next instant at which a zone's clock is set, in that zone. */
export function nextChange(zone: string, after: DateTime<true>, way: Way): DateTime<true> {
  const from = after.startOf('minute').toMillis()
  for (let day = 0; day < DAYS_AHEAD; day += 1) {
    const at = from + day * 24 * 60 * MINUTE_MS
    const turned = offsetAt(zone, at + 24 * 60 * MINUTE_MS) - offsetAt(zone, at)
    if (way === 'back' ? turned < 0 : turned > 0) return firstAfter(zone, at)
  }
  throw new Error(`${zone} does not set its clock ${way}`)
}

/** The zone whose clock is set back next, with the instant: never a year ahead. */
export function nearestRepeatedHour(after: DateTime<true>): DateTime<true> {
  return DateTime.min(
    nextChange('Europe/Warsaw', after, 'back'),
    nextChange('America/New_York', after, 'back'),
  )
}

function firstAfter(zone: string, from: number): DateTime<true> {
  let at = from + MINUTE_MS
  while (offsetAt(zone, at) === offsetAt(zone, from)) at += MINUTE_MS
  return inZone(zone, at)
}

function offsetAt(zone: string, at: number): number {
  return inZone(zone, at).offset
}

function inZone(zone: string, at: number): DateTime<true> {
  const local = DateTime.fromMillis(at, { zone })
  if (!local.isValid) throw new Error(`there is no zone ${zone}`)
  return local
}
