import type { DateTime } from 'luxon'
import type { RecordState } from '../../db/audit-log.ts'
import type { AuditFilter } from '../../db/audit-filter.ts'
import { parseSessionId } from '../../lib/ids.ts'
import type { FieldMistakes } from '../errors.ts'
import type { AuditFilterName } from '../presenters/audit-pages.ts'
import { zoneOf, type Zones } from '../presenters/moments.ts'
import { SESSION_STATES } from '../presenters/session-states.ts'
import { parsePlace, type AuditPlace } from './audit-cursor.ts'
import { fieldsOf, mistakesIn, type Fields } from './fields.ts'
import { readInstant, type InstantReading } from './instants.ts'

/** The query of the Audit tab, read: one filter for table, counts and download. */
export interface AuditForm {
  /** Fields with a mistake narrow nothing. */
  readonly filter: AuditFilter
  readonly zone: AuditZone
  readonly place: AuditPlace | undefined
  /** As typed, so that a form with a mistake loses nothing. */
  readonly typed: Readonly<Record<AuditFilterName, string>>
  readonly mistakes: FieldMistakes
}

/** `choice` is what links carry: `central`, `utc` or an IANA name; `name` is always an IANA name. */
export interface AuditZone {
  readonly choice: string
  readonly name: string
}

const LONGEST_TEXT = 200

/** Reads the query of the Audit tab or of its API. `remembered` is the zone choice for a query that names none. */
export function readAuditForm(query: unknown, zones: Zones, remembered = 'central'): AuditForm {
  const fields = fieldsOf(query)
  const { zone, zoneMistake } = readZone(fields, zones, remembered)
  const times = readTimes(fields, zone.name)
  const { states, stateMistake } = readStates(fields)
  const session = fields.text('session')
  const sessionId = session === '' ? undefined : parseSessionId(session)
  const view = oneOf(fields, 'view', ['sessions', 'all'] as const)
  const scope = oneOf(fields, 'scope', ['all', 'role', 'session'] as const)
  const cursor = fields.text('cursor')
  const place = cursor === '' ? undefined : parsePlace(cursor)
  return {
    filter: {
      ...textFilters(fields),
      view: view.value ?? 'sessions',
      since: times.since,
      until: times.until,
      session: sessionId ?? null,
      states,
      scope: scope.value === 'all' ? null : (scope.value ?? null),
    },
    zone,
    place,
    typed: typedIn(fields),
    mistakes: mistakesIn({
      ...times.mistakes,
      ...textMistakes(fields),
      session:
        session !== '' && sessionId === undefined
          ? 'A session ID is a whole number, such as 68.'
          : undefined,
      state: stateMistake,
      view: view.mistake,
      scope: scope.mistake,
      zone: zoneMistake,
      cursor:
        cursor !== '' && place === undefined
          ? 'This is no cursor of ours: take `next` of an answer as it is.'
          : undefined,
    }),
  }
}

export type DownloadFormat = 'text' | 'csv' | 'jsonl'

/** How a download is wanted. An unticked box sends nothing, so filters count only where asked for. */
export function readDownloadChoice(query: unknown): {
  readonly format: DownloadFormat
  readonly includeFilters: boolean
  readonly mistakes: FieldMistakes
} {
  const fields = fieldsOf(query)
  const format = oneOf(fields, 'format', ['text', 'csv', 'jsonl'] as const)
  const include = oneOf(fields, 'includeFilters', ['true', 'false'] as const)
  return {
    format: format.value ?? 'text',
    includeFilters: include.value === 'true',
    mistakes: mistakesIn({ format: format.mistake, includeFilters: include.mistake }),
  }
}

const TEXT_FIELDS = [
  'action',
  'actor',
  'requester',
  'role',
  'username',
  'dataSource',
  'clientIp',
  'reason',
  'q',
] as const
type TextField = (typeof TEXT_FIELDS)[number]

function textFilters(fields: Fields): Record<TextField, string | null> {
  const read = (name: TextField): string | null => {
    const text = fields.text(name)
    return text === '' || isTooLong(text) ? null : text
  }
  return {
    action: read('action'),
    actor: read('actor'),
    requester: read('requester'),
    role: read('role'),
    username: read('username'),
    dataSource: read('dataSource'),
    clientIp: read('clientIp'),
    reason: read('reason'),
    q: read('q'),
  }
}

function textMistakes(fields: Fields): FieldMistakes {
  const tooLong = TEXT_FIELDS.filter((name) => isTooLong(fields.text(name)))
  return Object.fromEntries(
    tooLong.map((name) => [name, `Use at most ${LONGEST_TEXT} characters.`]),
  )
}

function isTooLong(text: string): boolean {
  return text.length > LONGEST_TEXT
}

function readZone(
  fields: Fields,
  zones: Zones,
  remembered: string,
): { readonly zone: AuditZone; readonly zoneMistake: string | undefined } {
  const asked = fields.text('zone')
  const choice = normalizedChoice(asked === '' ? remembered : asked)
  const name = zoneOf(choice, zones)
  if (name !== undefined) return { zone: { choice, name }, zoneMistake: undefined }
  return {
    zone: { choice: 'central', name: zones.central },
    zoneMistake: `No time zone is called ${asked}: use a name such as Europe/Warsaw.`,
  }
}

/** `UTC` is a zone of the list too; two names for one choice would show as neither. */
function normalizedChoice(choice: string): string {
  return /^(utc|central)$/i.test(choice) ? choice.toLowerCase() : choice
}

interface Times {
  readonly since: DateTime<true> | null
  readonly until: DateTime<true> | null
  readonly mistakes: Readonly<Record<string, string | undefined>>
}

function readTimes(fields: Fields, zone: string): Times {
  const since = readTime(fields.text('since'), zone, 'first')
  const until = readTime(fields.text('until'), zone, 'last')
  if (since?.ok === true && until?.ok === true && until.value < since.value) {
    const mistakes = { until: 'Until is before Since: choose a later time, or swap them.' }
    return { since: since.value, until: null, mistakes }
  }
  return {
    since: since?.ok === true ? since.value : null,
    until: until?.ok === true ? until.value : null,
    mistakes: { since: sentenceIn(since), until: sentenceIn(until) },
  }
}

function readTime(text: string, zone: string, day: 'first' | 'last'): InstantReading | undefined {
  return text === '' ? undefined : readInstant(text, { zone, day })
}

function sentenceIn(reading: InstantReading | undefined): string | undefined {
  return reading?.ok === false ? reading.sentence : undefined
}

/** Repeated, or in one value with commas between. */
function readStates(fields: Fields): {
  readonly states: readonly RecordState[]
  readonly stateMistake: string | undefined
} {
  const asked = fields
    .list('state')
    .flatMap((text) => text.split(','))
    .map((text) => text.trim().toUpperCase())
    .filter((text) => text !== '')
  const states = SESSION_STATES.filter((state) => asked.includes(state))
  const unknown = asked.find((text) => !SESSION_STATES.some((state) => state === text))
  return {
    states,
    stateMistake:
      unknown === undefined
        ? undefined
        : `No state is called ${unknown}: use ${SESSION_STATES.join(', ')}.`,
  }
}

function oneOf<const T extends string>(
  fields: Fields,
  name: string,
  choices: readonly T[],
): { readonly value: T | undefined; readonly mistake: string | undefined } {
  const text = fields.text(name).toLowerCase()
  const value = choices.find((choice) => choice === text)
  const isWrong = text !== '' && value === undefined
  return { value, mistake: isWrong ? `Use ${choices.join(' or ')}, not ${text}.` : undefined }
}

function typedIn(fields: Fields): Record<AuditFilterName, string> {
  return {
    since: fields.text('since'),
    until: fields.text('until'),
    session: fields.text('session'),
    action: fields.text('action'),
    actor: fields.text('actor'),
    requester: fields.text('requester'),
    role: fields.text('role'),
    username: fields.text('username'),
    dataSource: fields.text('dataSource'),
    clientIp: fields.text('clientIp'),
    reason: fields.text('reason'),
    q: fields.text('q'),
  }
}
