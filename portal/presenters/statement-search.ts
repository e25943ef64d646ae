import type { Connection } from '../../db/connections.ts'
import type { ConnectionCounts } from '../../db/statement-counts.ts'
import type { StatementSort } from '../../db/statement-filter.ts'
import { isNarrow, type StatementSearch } from '../forms/statement-search.ts'
import { connectionName, totalsOf } from './connections.ts'
import type { Choice } from './pieces.ts'
import type { SearchSection } from './recording-pages.ts'

/** What the form of a search is drawn with. */
export interface SearchFrame {
  /** Of the session's page. */
  readonly href: string
  readonly connections: readonly Connection[]
  /** By connection; undefined where there are too many to count. */
  readonly counts: ReadonlyMap<string, ConnectionCounts> | undefined
  readonly isPaged: boolean
  /** Why the search was given up. */
  readonly error?: string | undefined
}

const TABS: readonly (readonly [StatementSort, string])[] = [
  ['all', 'All'],
  ['errors', 'Errors'],
  ['writes', 'Writes'],
  ['ddl', 'DDL'],
]

const NOTES: Readonly<Partial<Record<StatementSort, string>>> = {
  writes:
    'Told by the tag that the data source answered with, or by the first word of what it never answered. “May write” is what neither tells. What a SELECT changes through a function is not told by either: it is under All.',
  ddl: 'Told by the tag that the data source answered with, or by the first word. What a function or a DO block created is under All.',
}

/** The form and tabs of a search, each a link to the same page with another question. */
export function presentSearch(
  { filter, typed, mistakes }: StatementSearch,
  { href, connections, counts, isPaged, error }: SearchFrame,
): SearchSection {
  const hrefOf = (changes: Readonly<Record<string, string>>): string => {
    const asked = {
      q: filter.q ?? '',
      only: filter.only === 'all' ? '' : filter.only,
      connection: filter.connection ?? '',
      ...changes,
    }
    const given = Object.entries(asked).filter(([, value]) => value !== '')
    const query = new URLSearchParams(given).toString()
    return `${href}${query === '' ? '' : `?${query}`}#statements`
  }
  const totals = filter.q === null ? totalsOf(counts, filter.connection) : undefined
  const counted: Readonly<Partial<Record<StatementSort, string | undefined>>> = {
    all: totals?.statements,
    errors: totals?.errors,
  }
  return {
    action: `${href}#statements`,
    q: { value: typed, error: mistakes['q'] },
    only: filter.only === 'all' ? '' : filter.only,
    tabs: TABS.map(([sort, label]) => ({
      label,
      href: hrefOf({ only: sort === 'all' ? '' : sort }),
      current: filter.only === sort,
      count: counted[sort],
    })),
    connections: choicesOf(connections, filter.connection),
    note: NOTES[filter.only],
    error: error ?? mistakes['only'] ?? mistakes['connection'],
    isActive: isNarrow(filter) || typed !== '',
    isPaged,
    clearHref: `${href}#statements`,
    pageHref: (after = '') => hrefOf({ after }),
  }
}

function choicesOf(connections: readonly Connection[], chosen: string | null): Choice[] {
  if (connections.length < 2) return []
  return connections.map(({ id }) => ({
    value: id,
    label: connectionName(id, connections),
    chosen: id === chosen,
  }))
}
