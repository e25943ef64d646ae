import {
  ANY_STATEMENT,
  STATEMENT_SORTS,
  type StatementFilter,
  type StatementSort,
} from '../../db/statement-filter.ts'
import { isUuid } from '../../lib/ids.ts'
import type { FieldMistakes } from '../errors.ts'
import { fieldsOf, mistakesIn } from './fields.ts'

/** What somebody looks for in a recording, and what of it could not be read. */
export interface StatementSearch {
  readonly filter: StatementFilter
  /** What was typed, also where it is too long to search for. */
  readonly typed: string
  readonly mistakes: FieldMistakes
}

/** More than anybody types, and little enough for an address. */
const LONGEST = 500

/** Reads `q`, `only` and `connection` of an address; what is wrong narrows nothing. */
export function readStatementSearch(query: unknown): StatementSearch {
  const fields = fieldsOf(query)
  const typed = fields.text('q')
  const only = fields.text('only')
  const connection = fields.text('connection')
  const sort = only === '' ? 'all' : STATEMENT_SORTS.find((known) => known === only)
  const isTooLong = typed.length > LONGEST
  const isUnknown = connection !== '' && !isUuid(connection)
  const filter: StatementFilter = {
    only: sort ?? 'all',
    q: typed === '' || isTooLong ? null : typed,
    connection: connection === '' || isUnknown ? null : connection,
  }
  return {
    filter: isNarrow(filter) ? filter : ANY_STATEMENT,
    typed,
    mistakes: mistakesIn({
      q: isTooLong ? `Search for at most ${LONGEST} characters.` : undefined,
      only: sort === undefined ? `Give one of ${namesOf(STATEMENT_SORTS)}.` : undefined,
      connection: isUnknown ? 'Give the id of a connection of this session.' : undefined,
    }),
  }
}

/** True where a filter leaves anything out. */
export function isNarrow({ only, q, connection }: StatementFilter): boolean {
  return only !== 'all' || q !== null || connection !== null
}

function namesOf(sorts: readonly StatementSort[]): string {
  return sorts.join(', ')
}
