import { DateTime } from 'luxon'
import type { SignInCursor, SignInFilter } from '../../db/sign-in-lists.ts'
import { isUuid } from '../../lib/ids.ts'
import type { FieldMistakes } from '../errors.ts'
import type { Zones } from '../presenters/moments.ts'
import { readAuditForm, type AuditForm, type AuditZone } from './audit-filter.ts'
import { fieldsOf, mistakesIn } from './fields.ts'
import { readInstant } from './instants.ts'

/** The query of the list of sign-ins, read. */
export interface SignInListForm {
  /** Fields with a mistake narrow nothing. */
  readonly filter: SignInFilter
  readonly zone: AuditZone
  /** The day meant, `2026-11-23`; undefined where Since or Until says otherwise. */
  readonly day: string | undefined
  readonly place: SignInCursor | undefined
  /** As typed, so that a form with a mistake loses nothing. */
  readonly typed: Readonly<Record<'day' | 'q', string>>
  readonly mistakes: FieldMistakes
  /** Since, Until and zone, as the Audit tab has them. */
  readonly shared: AuditForm
}

/** What a query leaves open. */
export interface SignInListReader {
  /** The zone choice for a query that names none. */
  readonly remembered?: string
  /** On the day of this moment, where the query says no other time; else today. */
  readonly at?: DateTime<true>
}

const LONGEST_NAME = 200
const DAY = /^\d{4}-\d{2}-\d{2}$/

/** Reads the query of the page of sign-ins or of its API; what stands in Since or Until goes before a day. */
export function readSignInList(
  query: unknown,
  zones: Zones,
  { remembered = 'central', at = DateTime.utc() }: SignInListReader = {},
): SignInListForm {
  const fields = fieldsOf(query)
  const names = ['since', 'until', 'sinceMeant', 'untilMeant', 'zone']
  const times = Object.fromEntries(names.map((name) => [name, fields.text(name)]))
  const shared = readAuditForm(times, zones, { remembered })
  const { zone } = shared
  const typed = { day: fields.text('day'), q: fields.text('q') }
  const isRange = shared.typed.since !== '' || shared.typed.until !== ''
  const asked = isRange || typed.day === '' ? undefined : readDay(typed.day, zone.name)
  const usual = at.setZone(zone.name).toFormat('yyyy-LL-dd')
  const day = isRange ? undefined : (asked?.day ?? usual)
  const { since, until } = day === undefined ? shared.filter : boundsOf(day, zone.name)
  const isTooLong = typed.q.length > LONGEST_NAME
  const { place, mistake } = readPlace(fields.text('after'))
  return {
    filter: { since, until, q: typed.q === '' || isTooLong ? null : typed.q },
    zone,
    day,
    place,
    typed,
    mistakes: {
      ...shared.mistakes,
      ...mistakesIn({
        day: asked?.mistake,
        q: isTooLong ? `Use at most ${LONGEST_NAME} characters.` : undefined,
        after: mistake,
      }),
    },
    shared,
  }
}

/** The opaque text for a place: whether it is among the active ones, milliseconds and id. */
export function signInPlaceText({ active, startedAt, id }: SignInCursor): string {
  return `${active ? 'a' : 'e'}.${startedAt.toMillis()}.${id}`
}

function readDay(
  text: string,
  zone: string,
): { readonly day?: string; readonly mistake?: string | undefined } {
  const reading = DAY.test(text) ? readInstant(text, { zone, day: 'first' }) : undefined
  if (reading?.ok === true) return { day: text }
  return { mistake: `There is no day ${text}: write one such as 2026-11-23.` }
}

/** From its first millisecond to its last, whatever its zone does with its clocks that day. */
function boundsOf(day: string, zone: string): Pick<SignInFilter, 'since' | 'until'> {
  const [since, until] = (['first', 'last'] as const).map((end) =>
    readInstant(day, { zone, day: end }),
  )
  return {
    since: since?.ok === true ? since.value : null,
    until: until?.ok === true ? until.value : null,
  }
}

const PLACE = /^([ae])\.(\d{1,13})\.([0-9a-f-]{36})$/

function readPlace(text: string): {
  readonly place?: SignInCursor
  readonly mistake?: string | undefined
} {
  if (text === '') return {}
  const [, part, millis, id = ''] = PLACE.exec(text) ?? []
  const startedAt = DateTime.fromMillis(Number(millis), { zone: 'utc' })
  if (!startedAt.isValid || !isUuid(id)) {
    return { mistake: 'This is no place in the list: take `next` of an answer as it is.' }
  }
  return { place: { active: part === 'a', startedAt, id } }
}
