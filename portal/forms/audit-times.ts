import { DateTime } from 'luxon'
import type { Fields } from './fields.ts'
import { readInstant } from './instants.ts'
import { offsetText } from '../../lib/offset.ts'

/** Lengths of time that end now; one stands in for Since where that is empty. */
export const RANGES = {
  hour: 'Last hour',
  today: 'Today',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
} as const
export type AuditRange = keyof typeof RANGES
export const RANGE_NAMES = Object.keys(RANGES).filter((name): name is AuditRange => name in RANGES)

/** Since and Until as instants, with a sentence for each that can't be read. */
export interface AuditTimes {
  readonly since: DateTime<true> | null
  /** Inclusive. */
  readonly until: DateTime<true> | null
  /** Where it stands in for Since. */
  readonly range: AuditRange | undefined
  readonly mistakes: Readonly<Record<string, string | undefined>>
}

/** Reads Since and Until, or a range instead of Since; `now` is what a range ends at. */
export function readTimes(fields: Fields, zone: string, now: DateTime<true>): AuditTimes {
  const range = readRange(fields)
  const since = readTime(fields, 'since', { zone, day: 'first' })
  const until = readTime(fields, 'until', { zone, day: 'last' })
  const from = range.name === undefined ? since.at : startOf(range.name, now, zone)
  const mistakes = { since: since.mistake, until: until.mistake, range: range.mistake }
  if (from !== undefined && until.at !== undefined && until.at < from) {
    const backwards = 'Until is before Since: choose a later time, or swap them.'
    return {
      since: from,
      until: null,
      range: range.name,
      mistakes: { ...mistakes, until: backwards },
    }
  }
  return { since: from ?? null, until: until.at ?? null, range: range.name, mistakes }
}

function readRange(fields: Fields): {
  readonly name: AuditRange | undefined
  readonly mistake: string | undefined
} {
  const text = fields.text('range').toLowerCase()
  const name = RANGE_NAMES.find((range) => range === text)
  if (text !== '' && name === undefined) {
    return { name, mistake: `Use ${RANGE_NAMES.join(', ')} as the range, not ${text}.` }
  }
  // what is typed is what is meant
  return { name: fields.text('since') === '' ? name : undefined, mistake: undefined }
}

/** Where a range begins: today where the zone's day does. */
function startOf(range: AuditRange, now: DateTime<true>, zone: string): DateTime<true> | undefined {
  const local = now.setZone(zone)
  const starts = {
    hour: local.minus({ hours: 1 }),
    today: local.startOf('day'),
    '7d': local.minus({ days: 7 }),
    '30d': local.minus({ days: 30 }),
  }
  const start = starts[range].toUTC()
  return start.isValid ? start : undefined
}

/** A time as typed; where its zone has it twice, the one chosen beside it. */
function readTime(
  fields: Fields,
  name: 'since' | 'until',
  reader: { readonly zone: string; readonly day: 'first' | 'last' },
): { readonly at?: DateTime<true>; readonly mistake?: string } {
  const text = fields.text(name)
  if (text === '') return {}
  const reading = readInstant(text, reader)
  if (reading.ok) return { at: reading.value }
  if (reading.meanings.length === 0) return { mistake: reading.sentence }
  const meant = Date.parse(fields.text(`${name}Meant`))
  const chosen = reading.meanings.find((meaning) => meaning.toMillis() === meant)?.toUTC()
  if (chosen?.isValid === true) return { at: chosen }
  return { mistake: askWhich(text, reader.zone, reading.meanings) }
}

function askWhich(text: string, zone: string, meanings: readonly DateTime<true>[]): string {
  const shown = text.replace('T', ' ')
  const choices = meanings.map(
    (at, place) => `the ${place === 0 ? 'first' : 'second'} (${offsetText(at)})`,
  )
  const exact = meanings.map((at) => at.toISO({ suppressMilliseconds: true }))
  return `${shown} comes twice in ${zone}, as the clock is set back then: choose ${choices.join(' or ')}, which are ${exact.join(' and ')}.`
}
