import { DateTime } from 'luxon'
import { offsetText } from '../../lib/offset.ts'
import { wallClock } from '../../lib/wall-clock.ts'
import type { Moment } from './pieces.ts'

export { offsetText }

/** How a column of times is written: in one zone, with the offset that its heading promises. */
export interface TimeColumn {
  /** An IANA name. */
  readonly zone: string
  /** What stands in the heading: `UTC +1`. */
  readonly suffix: string
}

/** A zone and its offset of now, which `UTC` says already: `Europe/Warsaw, UTC +1`. */
export function zoneText(zone: string, now: DateTime<true>): string {
  const offset = offsetText(now.setZone(zone))
  return zone.toUpperCase() === offset ? offset : `${zone}, ${offset}`
}

/** Columns of times in a zone; the heading holds the offset of now, as summer time comes and goes. */
export function timeColumn(zone: string, now: DateTime<true>): TimeColumn {
  return { zone, suffix: offsetText(now.setZone(zone)) }
}

/** `2026-11-23 11:00:00`, and its own offset behind it where the heading's would be wrong. */
export function stampText(at: DateTime<true>, { zone, suffix }: TimeColumn): string {
  const { text, offset } = wallClock(at, zone)
  return offset === suffix ? text : `${text} ${offset}`
}

/** An instant in a column of times; undefined stays undefined. */
export function stamp(at: DateTime<true> | null, column: TimeColumn): Moment | undefined {
  return at === null ? undefined : { iso: at.toUTC().toISO(), text: stampText(at, column) }
}

/** An instant as our own sentences hold it; those inside quotes belong to SQL that is to be run. */
const INSTANT = /(?<!['"\w])\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z(?!['"\w])/g

/** A sentence with its instants written in a zone, each with its offset. */
export function withTimes(sentence: string, zone: string): string {
  return sentence.replaceAll(INSTANT, (text) => {
    const at = DateTime.fromISO(text, { zone })
    return at.isValid ? `${at.toFormat('yyyy-LL-dd HH:mm:ss')} ${offsetText(at)}` : text
  })
}
