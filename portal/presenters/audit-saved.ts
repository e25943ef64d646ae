import type { SavedFilter } from '../../db/saved-filters.ts'
import type { FieldMistakes } from '../errors.ts'
import { readSavedQuery } from '../forms/audit-saved.ts'
import type { SavedFilterRow, SavedFiltersPage } from './audit-pages.ts'
import { savedInWords } from './audit-query.ts'
import { presentMoment, type Zones } from './moments.ts'
import type { Page } from './pieces.ts'
import { visible } from './visible.ts'

/** What was sent and could not be kept; without an id it was to be a new one. */
export interface WrongFilter {
  readonly mistakes: FieldMistakes
  readonly name: string
  readonly shared: boolean
  readonly id?: string
  readonly query?: string
}

/** The filters that a reader may open, and the one that waits for its name. */
export function presentSavedFilters(
  page: Page,
  {
    filters,
    zones,
    query,
    wrong,
  }: {
    readonly filters: readonly SavedFilter[]
    readonly zones: Zones
    /** What is to be saved; empty where nothing is. */
    readonly query: string
    readonly wrong: WrongFilter | undefined
  },
): SavedFiltersPage {
  const isFresh = query !== '' || (wrong !== undefined && wrong.id === undefined)
  const mistakes = wrong?.mistakes ?? {}
  return {
    page,
    rows: filters.map((filter) => presentSaved(filter, zones)),
    empty: {
      heading: 'No saved filters yet',
      text: 'Filter the Audit tab, then choose Saved filters and Save this filter.',
      action: { href: '/audit', label: 'Open the Audit tab' },
    },
    fresh: isFresh
      ? {
          query,
          words: visible(wordsOf(query, zones)),
          name: { value: wrong?.name ?? '', error: mistakes['name'] ?? mistakes['query'] },
          shared: wrong?.shared ?? false,
        }
      : undefined,
    wrong:
      wrong?.id === undefined
        ? undefined
        : { id: wrong.id, text: Object.values(mistakes).join(' '), name: wrong.name },
  }
}

/** What a query selects, in the words of chips. */
export function wordsOf(query: string, zones: Zones): string {
  const words = savedInWords(readSavedQuery(query, zones))
  return words === 'none' ? 'All state rows' : words
}

function presentSaved(filter: SavedFilter, zones: Zones): SavedFilterRow {
  const { id, name, owner, shared, mine } = filter
  return {
    id,
    name: visible(name),
    href: `/audit/filters/${id}`,
    words: visible(wordsOf(filter.query, zones)),
    owner: visible(owner),
    shared,
    mine,
    changed: presentMoment(filter.changedAt, zones),
  }
}
