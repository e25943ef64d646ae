import { ACTIONS, type Action, type Area, type RecordState } from '../../db/audit-log.ts'
import {
  AREAS,
  areasOf,
  AUDIT_VIEWS,
  COLUMN_NAMES,
  type AuditViewName,
  type ColumnName,
} from '../presenters/audit-views.ts'
import { SESSION_STATES } from '../presenters/session-states.ts'
import type { Fields } from './fields.ts'

/** What was chosen from a list, and a sentence about what no list holds. */
export interface Chosen<T> {
  readonly values: readonly T[]
  readonly mistake: string | undefined
}

/** Several of a list: repeated, or in one value with commas between; in the order of the list. */
export function someOf<T extends string>(
  fields: Fields,
  name: string,
  { choices, called }: { readonly choices: readonly T[]; readonly called: string },
): Chosen<T> {
  const asked = listIn(fields, name)
  const isOneOf = (choice: string, text: string): boolean =>
    choice.toLowerCase() === text.toLowerCase()
  const unknown = asked.find((text) => !choices.some((choice) => isOneOf(choice, text)))
  return {
    values: choices.filter((choice) => asked.some((text) => isOneOf(choice, text))),
    mistake:
      unknown === undefined
        ? undefined
        : `No ${called} is called ${unknown}: use ${choices.join(', ')}.`,
  }
}

/** One of a list; undefined where nothing was chosen, or something else. */
export function oneOf<const T extends string>(
  fields: Fields,
  name: string,
  choices: readonly T[],
): { readonly value: T | undefined; readonly mistake: string | undefined } {
  const text = fields.text(name).toLowerCase()
  const value = choices.find((choice) => choice === text)
  const isWrong = text !== '' && value === undefined
  return { value, mistake: isWrong ? `Use ${choices.join(' or ')}, not ${text}.` : undefined }
}

/** Any of the seven states, in any case. */
export function readStates(fields: Fields): Chosen<RecordState> {
  return someOf(fields, 'state', { choices: SESSION_STATES, called: 'state' })
}

/** The areas chosen, of those that the view can show. */
export function readAreas(fields: Fields, view: AuditViewName): Chosen<Area> {
  const { values, mistake } = someOf(fields, 'area', { choices: AREAS, called: 'area' })
  const possible = areasOf(view)
  const outside = values.find((area) => !possible.includes(area))
  if (outside === undefined) return { values, mistake }
  const { label } = AUDIT_VIEWS[view]
  return {
    values: values.filter((area) => possible.includes(area)),
    mistake: `${label} holds nothing of ${outside}: choose All records.`,
  }
}

/** Verbs of the list, or one pattern, which a list can't say. */
export function readActions(fields: Fields): {
  readonly actions: readonly Action[]
  readonly pattern: string | null
  readonly mistake: string | undefined
} {
  const asked = listIn(fields, 'action')
  const actions = ACTIONS.filter((action) => asked.includes(action))
  const patterns = asked.filter((text) => !ACTIONS.some((action) => action === text))
  const [pattern = null] = patterns
  if (pattern === null || asked.length === 1) return { actions, pattern, mistake: undefined }
  const mistake = `Choose actions of the list, or write one alone: ${pattern} is no action of the list.`
  return { actions, pattern: null, mistake }
}

/** Columns by name. `default` asks for those of the view; undefined where nothing is said. */
export function readColumns(fields: Fields): {
  readonly columns: readonly ColumnName[] | 'default' | undefined
  readonly mistake: string | undefined
} {
  const asked = listIn(fields, 'columns')
  if (asked.length === 0) return { columns: undefined, mistake: undefined }
  if (asked.length === 1 && asked[0] === 'default')
    return { columns: 'default', mistake: undefined }
  const { values, mistake } = someOf(fields, 'columns', {
    choices: COLUMN_NAMES,
    called: 'column',
  })
  if (mistake !== undefined) return { columns: undefined, mistake }
  return { columns: withTime(values), mistake }
}

/** The first column leads to the record, so it always stands. */
export function withTime(columns: readonly ColumnName[]): readonly ColumnName[] {
  return columns.includes('at') ? columns : ['at', ...columns]
}

function listIn(fields: Fields, name: string): string[] {
  return fields
    .list(name)
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '')
}
