import { isStorable } from '../../broker/sessions/request.ts'
import type { FilterDraft } from '../../db/saved-filters.ts'
import { queryPairs, queryText } from '../presenters/audit-query.ts'
import type { Zones } from '../presenters/moments.ts'
import type { FieldMistakes } from '../errors.ts'
import { readAuditForm, type AuditForm } from './audit-filter.ts'
import { fieldsOf, mistakesIn, type Reading } from './fields.ts'

/** As the store's constraints say. */
const NAME_MOST = 100
const QUERY_MOST = 4000

/** A filter to be kept, as its form says it; the query as the Audit tab's address would write it. */
export function readSavedFilter(body: unknown, zones: Zones): Reading<FilterDraft> {
  const fields = fieldsOf(body)
  const shared = fields.text('shared') === 'true'
  return checkSavedFilter({ name: fields.text('name'), shared, query: fields.text('query') }, zones)
}

/** A name for one that is kept already, and with whom it is shared. */
export function readSavedName(body: unknown): Reading<Pick<FilterDraft, 'name' | 'shared'>> {
  const fields = fieldsOf(body)
  const name = fields.text('name')
  const mistakes = mistakesIn({ name: nameMistake(name) })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: { name, shared: fields.text('shared') === 'true' } }
}

/** Checks a draft whoever made it, and writes its query anew: only what the Audit tab reads is kept. */
export function checkSavedFilter(draft: FilterDraft, zones: Zones): Reading<FilterDraft> {
  const form = readSavedQuery(draft.query, zones)
  const query = queryText(queryPairs(form).filter(({ name }) => name !== 'zone'))
  const mistakes: FieldMistakes = mistakesIn({
    name: nameMistake(draft.name),
    query: Object.values(form.mistakes)[0] ?? tooLong(query),
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return { ok: true, value: { ...draft, query } }
}

/** The selection that a saved query stands for. */
export function readSavedQuery(query: string, zones: Zones): AuditForm {
  const pairs: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(query)) (pairs[name] ??= []).push(value)
  return readAuditForm({ ...pairs, cursor: '' }, zones)
}

function nameMistake(name: string): string | undefined {
  if (name === '') return 'Give the filter a name.'
  if (!isStorable(name)) return 'This holds a NUL or half a character: remove it.'
  return Array.from(name).length > NAME_MOST ? `Use at most ${NAME_MOST} characters.` : undefined
}

function tooLong(query: string): string | undefined {
  return query.length > QUERY_MOST
    ? 'This filter is too long to be kept: take some of it off.'
    : undefined
}
