import type { DateTime } from 'luxon'
import { listMeanings } from '../forms/instants.ts'
import { zoneOf, type Zones } from './moments.ts'
import { offsetText } from './zones.ts'

/** The choice between the instants that a local time stands for where it comes twice. */
export interface MeaningChoice {
  /** Name of the radios; the mistake is theirs, too. */
  readonly name: string
  /** `Which 02:30 on 2026-10-25`. */
  readonly legend: string
  readonly choices: readonly {
    readonly id: string
    /** ISO-8601 with the offset. */
    readonly value: string
    /** `the first, UTC +2`. */
    readonly label: string
    readonly chosen: boolean
  }[]
  readonly error?: string | undefined
}

/** What was typed into the field of a time, and beside it. */
interface TypedTime {
  readonly name: string
  readonly text: string
  /** The choice of zone. */
  readonly zone: string
  readonly meant: string
  readonly error?: string | undefined
}

/** The choice that a typed time leaves open; undefined where it means one instant, or none. */
export function presentMeanings(
  { name, text, zone, meant, error }: TypedTime,
  zones: Zones,
): MeaningChoice | undefined {
  const known = zoneOf(zone, zones)
  const meanings = known === undefined ? [] : listMeanings(text, known)
  const [first] = meanings
  if (first === undefined) return undefined
  return {
    name,
    legend: `Which ${first.toFormat('HH:mm')} on ${first.toFormat('yyyy-LL-dd')}`,
    choices: meanings.map((at, place) => ({
      // the summary's link leads to the first
      id: place === 0 ? name : `${name}-${String(place + 1)}`,
      value: exactText(at),
      label: `the ${place === 0 ? 'first' : 'second'}, ${offsetText(at)}`,
      chosen: exactText(at) === meant,
    })),
    error,
  }
}

function exactText(at: DateTime<true>): string {
  return at.toISO({ suppressMilliseconds: true })
}
