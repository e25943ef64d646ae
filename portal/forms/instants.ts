import { DateTime } from 'luxon'

/** What a person's text for an instant means, or one sentence that says how to mend it. */
export type InstantReading =
  | { readonly ok: true; readonly value: DateTime<true> }
  | {
      readonly ok: false
      readonly sentence: string
      /** Both instants of a local time that comes twice, the earlier first, in its zone. */
      readonly meanings: readonly DateTime<true>[]
    }

export interface InstantReader {
  /** The IANA name of the zone that text without an offset is read in. */
  readonly zone: string
  /** What a day alone stands for: its first millisecond or its last. */
  readonly day: 'first' | 'last'
}

/** A day, then a time to the minute or finer, then an offset: all ISO-8601, `T` or a space between. */
const INSTANT =
  /^((?:19|[2-8]\d)\d{2})-(\d{2})-(\d{2})(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?(Z|[+\- ](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?$/i

const MINUTE_MS = 60_000
/** Further than any zone is from UTC, and nearer than two changes of a zone are. */
const DAY_MS = 24 * 60 * MINUTE_MS

const UNREADABLE = 'Write a date and time such as 2026-11-23 10:00, or 2026-11-23T10:00:00Z.'

/**
 * Reads an instant: with an offset as it stands, without one in the reader's zone. A local time
 * that the zone skips or has twice is asked back, never guessed.
 */
export function readInstant(text: string, reader: InstantReader): InstantReading {
  const parts = INSTANT.exec(text.trim())
  if (parts === null) return mistake(UNREADABLE)
  const [, year, month, day, hour, minute, second, fraction, offset] = parts
  const wall = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour ?? 0),
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
    millisecond: Number((fraction ?? '').slice(0, 3).padEnd(3, '0')),
  }
  const shown = `${year ?? ''}-${month ?? ''}-${day ?? ''}`
  if (!DateTime.fromObject(wall, { zone: 'utc' }).isValid) {
    return mistake(`There is no ${text.trim()}. ${UNREADABLE}`)
  }
  if (hour === undefined) return readDay(wall, shown, reader)
  if (offset !== undefined) return readExact(wall, offset)
  return readLocal(wall, `${shown} ${hour}:${minute ?? ''}`, reader.zone)
}

/** Both instants that a local time means where its zone has it twice; empty for every other text. */
export function listMeanings(text: string, zone: string): readonly DateTime<true>[] {
  const reading = readInstant(text, { zone, day: 'first' })
  return reading.ok ? [] : reading.meanings
}

type Wall = Readonly<
  Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'millisecond', number>
>

function readExact(wall: Wall, offset: string): InstantReading {
  // in a query a plus that was not written as %2B arrives as a space
  const zone = /^z$/i.test(offset)
    ? 'utc'
    : `UTC${offset.replace(' ', '+').replace(/(\d{2})(\d{2})$/, '$1:$2')}`
  const at = DateTime.fromObject(wall, { zone })
  return at.isValid ? { ok: true, value: at.toUTC() } : mistake(UNREADABLE)
}

/** Days start where the zone says, also where midnight is skipped. */
function readDay(wall: Wall, shown: string, { zone, day }: InstantReader): InstantReading {
  const noon = DateTime.fromObject({ ...wall, hour: 12 }, { zone })
  if (!noon.isValid) return mistake(`There is no ${shown}. ${UNREADABLE}`)
  const at = day === 'first' ? noon.startOf('day') : noon.endOf('day')
  return { ok: true, value: at.toUTC() }
}

function readLocal(wall: Wall, shown: string, zone: string): InstantReading {
  const meanings = meaningsOf(wall, zone)
  const [only, other] = meanings
  if (only === undefined) {
    return mistake(
      `${shown} does not exist in ${zone}: the clock is set forward then. Choose another time, or UTC as the time zone.`,
    )
  }
  return other === undefined ? { ok: true, value: only.toUTC() } : twice(shown, zone, [only, other])
}

/**
 * Every instant at which the zone's clocks show this, the earlier first. Luxon guesses one from
 * today's offset, and is an hour off beside a change in a zone that has moved since.
 */
function meaningsOf(wall: Wall, zone: string): readonly DateTime<true>[] {
  const shown = DateTime.fromObject(wall, { zone: 'utc' }).toMillis()
  const offsetAt = (at: number): number => DateTime.fromMillis(at, { zone }).offset
  const offsets = new Set([offsetAt(shown - DAY_MS), offsetAt(shown + DAY_MS)])
  return [...offsets]
    .map((offset) => ({ offset, at: shown - offset * MINUTE_MS }))
    .filter(({ offset, at }) => offsetAt(at) === offset)
    .sort((a, b) => a.at - b.at)
    .map(({ at }) => DateTime.fromMillis(at, { zone }))
    .filter((at) => at.isValid)
}

/** Said so that it can be done where a field takes no offset, as those of browsers do. */
function twice(shown: string, zone: string, meanings: readonly DateTime<true>[]): InstantReading {
  const exact = meanings.map((meaning) => meaning.toUTC().toFormat('yyyy-LL-dd HH:mm'))
  const sentence = `${shown} comes twice in ${zone}, as the clock is set back then: choose UTC as the time zone and write ${exact.join(' or ')}.`
  return { ok: false, sentence, meanings }
}

function mistake(sentence: string): InstantReading {
  return { ok: false, sentence, meanings: [] }
}
