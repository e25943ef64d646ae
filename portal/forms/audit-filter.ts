import { DateTime } from 'luxon'
import type { Area } from '../../db/audit-log.ts'
import type { AuditFilter } from '../../db/audit-filter.ts'
import { parseSessionId } from '../../lib/ids.ts'
import type { FieldMistakes } from '../errors.ts'
import type { AuditFilterName } from '../presenters/audit-pages.ts'
import {
  AUDIT_VIEW_NAMES,
  everythingIn,
  type AuditViewName,
  type ColumnName,
} from '../presenters/audit-views.ts'
import { zoneOf, type Zones } from '../presenters/moments.ts'
import { oneOf, readActions, readAreas, readColumns, readStates } from './audit-choices.ts'
import { parsePlace, type AuditPlace } from './audit-cursor.ts'
import { readTimes, type AuditRange } from './audit-times.ts'
import { fieldsOf, mistakesIn, type Fields } from './fields.ts'

/** Which records are meant, and how a reader said so: what links, files and saved filters carry. */
export interface AuditSelection {
  readonly view: AuditViewName
  /** Fields with a mistake narrow nothing. */
  readonly filter: AuditFilter
  /** Those chosen; the filter's own hold the view's where none was. */
  readonly areas: readonly Area[]
  /** A length of time that the filter's `since` was made from. */
  readonly range: AuditRange | undefined
  readonly zone: AuditZone
}

/** The query of the Audit tab, read: one filter for table, counts and download. */
export interface AuditForm extends AuditSelection {
  readonly columns: readonly ColumnName[] | 'default' | undefined
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

/** What a query leaves open. */
export interface AuditReader {
  /** The zone choice for a query that names none. */
  readonly remembered?: string
  /** What a range of time ends at. */
  readonly now?: DateTime<true>
}

const LONGEST_TEXT = 200

/** Reads the query of the Audit tab or of its API. */
export function readAuditForm(query: unknown, zones: Zones, reader: AuditReader = {}): AuditForm {
  const fields = fieldsOf(query)
  const { zone, zoneMistake } = readZone(fields, zones, reader.remembered ?? 'central')
  const {
    mistakes: timeMistakes,
    range,
    ...times
  } = readTimes(fields, zone.name, reader.now ?? DateTime.utc())
  const asked = oneOf(fields, 'view', AUDIT_VIEW_NAMES)
  const view = asked.value ?? 'sessions'
  const chosen = readChosen(fields, view)
  const session = readSession(fields)
  const { columns, mistake: columnMistake } = readColumns(fields)
  const { place, placeMistake } = readPlace(fields)
  return {
    view,
    filter: {
      ...everythingIn(view),
      ...textFilters(fields),
      ...times,
      ...chosen.filter,
      session: session.id,
    },
    areas: chosen.areas,
    range,
    zone,
    columns,
    place,
    typed: typedIn(fields),
    mistakes: mistakesIn({
      ...timeMistakes,
      ...textMistakes(fields),
      ...chosen.mistakes,
      session: session.mistake,
      view: asked.mistake,
      zone: zoneMistake,
      columns: columnMistake,
      cursor: placeMistake,
    }),
  }
}

export type DownloadFormat = 'text' | 'csv' | 'jsonl'

/** How a download is wanted. An unticked box sends nothing, so filters count only where asked for. */
export function readDownloadChoice(query: unknown): {
  readonly format: DownloadFormat
  readonly includeFilters: boolean
  /** The file begins with who, when, zone, filters and count; text always does. */
  readonly head: boolean
  readonly mistakes: FieldMistakes
} {
  const fields = fieldsOf(query)
  const format = oneOf(fields, 'format', ['text', 'csv', 'jsonl'] as const)
  const include = oneOf(fields, 'includeFilters', ['true', 'false'] as const)
  const head = oneOf(fields, 'head', ['true', 'false'] as const)
  return {
    format: format.value ?? 'text',
    includeFilters: include.value === 'true',
    head: head.value === 'true',
    mistakes: mistakesIn({
      format: format.mistake,
      includeFilters: include.mistake,
      head: head.mistake,
    }),
  }
}

/** What is chosen from lists: states, scope, actions and areas. */
function readChosen(
  fields: Fields,
  view: AuditViewName,
): {
  readonly filter: Pick<AuditFilter, 'states' | 'scope' | 'action' | 'actions' | 'areas'>
  readonly areas: readonly Area[]
  readonly mistakes: Readonly<Record<string, string | undefined>>
} {
  const states = readStates(fields)
  const scope = oneOf(fields, 'scope', ['all', 'role', 'session'] as const)
  const { actions, pattern, mistake: actionMistake } = readActions(fields)
  const areas = readAreas(fields, view)
  return {
    filter: {
      states: states.values,
      scope: scope.value === 'all' ? null : (scope.value ?? null),
      action: pattern === null || isTooLong(pattern) ? null : pattern,
      actions,
      areas: areas.values.length > 0 ? areas.values : everythingIn(view).areas,
    },
    areas: areas.values,
    mistakes: {
      state: states.mistake,
      scope: scope.mistake,
      action: actionMistake,
      area: areas.mistake,
    },
  }
}

const TEXT_FIELDS = [
  'actor',
  'requester',
  'role',
  'username',
  'dataSource',
  'clientIp',
  'subject',
  'company',
  'accountId',
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
    actor: read('actor'),
    requester: read('requester'),
    role: read('role'),
    username: read('username'),
    dataSource: read('dataSource'),
    clientIp: read('clientIp'),
    subject: read('subject'),
    company: read('company'),
    accountId: read('accountId'),
    reason: read('reason'),
    q: read('q'),
  }
}

function textMistakes(fields: Fields): FieldMistakes {
  const tooLong = ['action', ...TEXT_FIELDS].filter((name) =>
    fields.list(name).some((text) => isTooLong(text.trim())),
  )
  return Object.fromEntries(
    tooLong.map((name) => [name, `Use at most ${LONGEST_TEXT} characters.`]),
  )
}

function isTooLong(text: string): boolean {
  return text.length > LONGEST_TEXT
}

function readSession(fields: Fields): {
  readonly id: string | null
  readonly mistake: string | undefined
} {
  const text = fields.text('session')
  const id = text === '' ? undefined : parseSessionId(text)
  const isWrong = text !== '' && id === undefined
  return {
    id: id ?? null,
    mistake: isWrong ? 'A session ID is a whole number, such as 68.' : undefined,
  }
}

function readPlace(fields: Fields): {
  readonly place: AuditPlace | undefined
  readonly placeMistake: string | undefined
} {
  const text = fields.text('cursor')
  const place = text === '' ? undefined : parsePlace(text)
  const isWrong = text !== '' && place === undefined
  return {
    place,
    placeMistake: isWrong
      ? 'This is no cursor of ours: take `next` of an answer as it is.'
      : undefined,
  }
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
    subject: fields.text('subject'),
    company: fields.text('company'),
    accountId: fields.text('accountId'),
    reason: fields.text('reason'),
    q: fields.text('q'),
  }
}
