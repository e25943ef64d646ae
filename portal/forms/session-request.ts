import type { DateTime } from 'luxon'
import type { SessionRequest } from '../../broker/sessions/lifecycle.ts'
import { zoneOf, type Zones } from '../presenters/moments.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'
import { readInstant } from './instants.ts'

/** The form of Request Access as it was typed, so that nothing is lost when it comes back. */
export interface TypedRequest {
  readonly dataSource: string
  readonly roles: readonly string[]
  readonly when: 'now' | 'later' | 'approval'
  readonly zone: string
  readonly start: string
  /** Which of two instants the start means, where its zone has it twice; else empty. */
  readonly startMeant: string
  readonly length: 'minutes' | 'end'
  readonly minutes: string
  readonly end: string
  readonly endMeant: string
  /** Minutes after which the request dies without its approvals; empty: as late as it may. */
  readonly ttlMinutes: string
  readonly justification: string
}

/** The form before anybody has typed. */
export function untouchedRequest(dataSource: string, zone: string): TypedRequest {
  const times = { start: '', startMeant: '', end: '', endMeant: '' }
  const typed = { ...times, minutes: '', ttlMinutes: '', justification: '' }
  return { ...typed, dataSource, roles: [], when: 'now', zone, length: 'minutes' }
}

/** The form as it would have to be typed to ask for a session again. */
export function repeatedRequest(again: SessionRequest, zone: string): TypedRequest {
  const { dataSource, roles, minutes, fromApproval, justification } = again
  return {
    ...untouchedRequest(dataSource, zone),
    roles,
    when: fromApproval === true ? 'approval' : 'now',
    minutes: minutes === undefined ? '' : String(Math.ceil(minutes)),
    justification,
  }
}

/** Takes the form as it was typed. */
export function takeRequest(body: unknown): TypedRequest {
  const fields = fieldsOf(body)
  const when = fields.text('when')
  return {
    dataSource: fields.text('dataSource'),
    roles: fields.list('roles'),
    when: when === 'later' || when === 'approval' ? when : 'now',
    zone: fields.text('zone'),
    start: fields.text('start'),
    startMeant: fields.text('startMeant'),
    length: fields.text('length') === 'end' ? 'end' : 'minutes',
    minutes: fields.text('minutes'),
    end: fields.text('end'),
    endMeant: fields.text('endMeant'),
    ttlMinutes: fields.text('ttlMinutes'),
    justification: fields.text('justification'),
  }
}

/**
 * The form as its address fills it in, under the names of its fields: a start means "Later", an end
 * "Until a time", unless the address says otherwise.
 */
export function addressedRequest(query: unknown, zone: string): TypedRequest {
  const typed = takeRequest(query)
  const fields = fieldsOf(query)
  return {
    ...typed,
    zone: typed.zone === '' ? zone : typed.zone,
    when: fields.text('when') === '' && typed.start !== '' ? 'later' : typed.when,
    length: fields.text('length') === '' && typed.end !== '' ? 'end' : typed.length,
  }
}

/** Turns what was typed into a request to the broker, or says what to mend. */
export function readRequest(typed: TypedRequest, zones: Zones): Reading<SessionRequest> {
  const zone = zoneOf(typed.zone, zones)
  const start =
    typed.when === 'later' ? readTime(typed.start, { zone, meant: typed.startMeant }) : {}
  const byEnd = typed.length === 'end' && typed.when !== 'approval'
  const end = byEnd ? readTime(typed.end, { zone, meant: typed.endMeant }) : {}
  const minutes = byEnd ? {} : readMinutes(typed.minutes)
  const ttl = readMinutes(typed.ttlMinutes)
  const mistakes = mistakesIn({
    dataSource: typed.dataSource === '' ? 'Choose a data source.' : undefined,
    roles: typed.roles.length === 0 ? 'Choose at least one role.' : undefined,
    zone: zone === undefined ? 'Choose one of the time zones shown.' : undefined,
    start: start.mistake,
    startMeant: start.unclear,
    end: end.mistake,
    endMeant: end.unclear,
    minutes: minutes.mistake,
    ttlMinutes: ttl.mistake,
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return {
    ok: true,
    value: {
      dataSource: typed.dataSource,
      roles: typed.roles,
      justification: typed.justification,
      start: start.at,
      end: end.at,
      minutes: minutes.count,
      ttlMinutes: ttl.count,
      fromApproval: typed.when === 'approval',
    },
  }
}

/** A time of a form, or what is wrong with it; `unclear` where it comes twice and none was chosen. */
export function readTime(
  text: string,
  { zone, meant }: { readonly zone: string | undefined; readonly meant: string },
): { at?: DateTime<true> | undefined; mistake?: string; unclear?: string } {
  if (text === '') return { mistake: 'Choose a date and a time.' }
  // the zone's own mistake is told at the zone
  if (zone === undefined) return {}
  const reading = readInstant(text, { zone, day: 'first' })
  // in the zone it was chosen in, which is how the broker then speaks of it
  if (reading.ok) return { at: inZone(reading.value, zone) }
  if (reading.meanings.length === 0) return { mistake: reading.sentence }
  // a choice that was made for another time is none
  const at = reading.meanings.find((meaning) => meaning.toMillis() === Date.parse(meant))
  const shown = text.replace('T', ' ')
  const unclear = `${shown} comes twice in ${zone}, as the clock is set back then: choose the first or the second.`
  return at === undefined ? { unclear } : { at }
}

function inZone(at: DateTime<true>, zone: string): DateTime<true> {
  const local = at.setZone(zone)
  return local.isValid ? local : at
}

const WHOLE = /^[0-9]{1,6}$/

/** A length of the form; empty means that nothing was chosen. */
export function readMinutes(text: string): { count?: number; mistake?: string } {
  if (text === '') return {}
  if (WHOLE.test(text) && Number(text) > 0) return { count: Number(text) }
  return { mistake: 'Write the length as a whole number of minutes, such as 30.' }
}
