import { DateTime } from 'luxon'
import { offsetText } from './offset.ts'

/** What the clocks of a zone show at an instant. */
export interface WallClock {
  /** `2026-11-23 11:00:00` */
  readonly text: string
  /** `UTC +1` */
  readonly offset: string
}

/** Minutes ahead of UTC, and as text. */
interface Offset {
  readonly minutes: number
  readonly text: string
}

/** No zone changes its clocks twice within so long; milliseconds. */
const STRETCH_MS = 3 * 3_600_000
/** Ten years of one zone. */
const KNOWN_AT_MOST = 30_000
/** `2026-11-23T11:00:00.000Z`: of the years that have four digits. */
const USUAL_LENGTH = 24

/** By zone and stretch; undefined where the offset changes within. */
const known = new Map<string, Offset | undefined>()

/**
 * An instant on the clocks of a zone (an IANA name), as luxon has it. A page has hundreds of them and a
 * file millions, so luxon is asked once for many.
 */
export function wallClock(at: DateTime<true>, zone: string): WallClock {
  const offset = offsetAt(at.toMillis(), zone)
  const shown = offset && new Date(at.toMillis() + offset.minutes * 60_000).toISOString()
  if (shown?.length === USUAL_LENGTH && offset !== undefined) {
    return { text: `${shown.slice(0, 10)} ${shown.slice(11, 19)}`, offset: offset.text }
  }
  const local = at.setZone(zone)
  return { text: local.toFormat('yyyy-LL-dd HH:mm:ss'), offset: offsetText(local) }
}

function offsetAt(millis: number, zone: string): Offset | undefined {
  const stretch = Math.floor(millis / STRETCH_MS)
  const key = `${zone} ${stretch}`
  if (known.has(key)) return known.get(key)
  if (known.size >= KNOWN_AT_MOST) known.clear()
  const found = steadyOffset(stretch * STRETCH_MS, zone)
  known.set(key, found)
  return found
}

function steadyOffset(from: number, zone: string): Offset | undefined {
  const first = DateTime.fromMillis(from, { zone })
  const last = DateTime.fromMillis(from + STRETCH_MS, { zone })
  if (first.offset !== last.offset || !Number.isInteger(first.offset)) return undefined
  return { minutes: first.offset, text: offsetText(first) }
}
