import { AppError } from '../lib/errors.ts'
import { effectOf, type Executed, type StatementEffect } from '../lib/statement-effect.ts'
import { isOverdue } from './store.ts'

/** What a reader of a recording may narrow it to. */
export const STATEMENT_SORTS = ['all', 'errors', 'writes', 'ddl'] as const
export type StatementSort = (typeof STATEMENT_SORTS)[number]

/** Which statements of a session are meant. A gap is always among them: anything may have run there. */
export interface StatementFilter {
  readonly only: StatementSort
  /** Found anywhere in the text, a value, the SQLSTATE or the message, in any case. */
  readonly q: string | null
  /** Of one connection, by its id. */
  readonly connection: string | null
}

export const ANY_STATEMENT: StatementFilter = { only: 'all', q: null, connection: null }

/** How long a reader waits for a search at most, in milliseconds. */
export const SEARCH_DEADLINE_MS = 5_000

/** A search that went through more statements than its deadline lets it. */
export class SearchTooLong extends AppError {
  constructor(cause?: unknown) {
    super(
      'search_too_broad',
      'This search takes too long over so many statements: choose one connection, or download the recording and search in the file.',
      { cause },
    )
  }
}

/** Errors: SearchTooLong in place of the store's own. */
export async function orTooLong<T>(search: () => Promise<T>): Promise<T> {
  try {
    return await search()
  } catch (error) {
    throw isOverdue(error) ? new SearchTooLong(error) : error
  }
}

/**
 * The conditions on `statements s` that a filter stands for: exact for errors and texts. For writes
 * and DDL it lets pass all that isMeant() could choose, and more.
 */
export const MATCHING = `
            (s.kind = 'gap' or (
                 (cast(:only as text) is null
                  or (cast(:only as text) = 'errors' and (s.outcome = 'error' or s.sqlstate is not null))
                  or (cast(:only as text) in ('writes', 'ddl')
                      and (s.tag ~ cast(:tags as text)
                           or s.kind in ('copy in', 'copy out', 'function call')
                           or ((s.tag is null or s.tag ~ '^(SELECT|EXPLAIN|COPY)') and s.text ~* cast(:words as text)))))
             and (cast(:q as text) is null
                  or s.text ilike cast(:q as text)
                  or s.sqlstate ilike cast(:q as text)
                  or s.message ilike cast(:q as text)
                  or (s.bind_values <> '[]'
                      and exists (select
                                    from jsonb_array_elements(s.bind_values) as v(value)
                                   where coalesce(v.value ->> 'text', v.value #>> '{}') ilike cast(:q as text))))))
        and (cast(:ofConnection as uuid) is null or s.connection_id = cast(:ofConnection as uuid))`

/** What a tag begins with, and what a text holds somewhere, where it may be one of these. */
const CANDIDATES: Readonly<
  Record<Exclude<StatementSort, 'all'>, { readonly tags: string; readonly words: string }>
> = {
  errors: { tags: '', words: '' },
  writes: {
    tags: '^(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|COPY|DO|CALL)',
    words: String.raw`insert|update|delete|merge|truncate|copy|\mdo\M|\mcall\M`,
  },
  ddl: {
    tags: '^(CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE|SECURITY|REFRESH|REASSIGN|IMPORT|CLUSTER)',
    words: 'create|alter|drop|comment|grant|revoke|security|refresh|reassign|import|cluster|into',
  },
}

/** The values that MATCHING binds. */
export function bindingsOf({ only, q, connection }: StatementFilter): Record<string, unknown> {
  const candidates = only === 'all' ? undefined : CANDIDATES[only]
  return {
    only: only === 'all' ? null : only,
    tags: candidates?.tags ?? null,
    words: candidates?.words ?? null,
    q: q === null ? null : `%${q.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`,
    ofConnection: connection,
  }
}

/** Whether a statement that MATCHING let pass is meant. */
export function isMeant(statement: Executed, { only }: StatementFilter): boolean {
  if (statement.kind === 'gap' || only === 'all' || only === 'errors') return true
  const effect = effectOf(statement)
  return effect !== undefined && SORTS[effect] === only
}

const SORTS: Readonly<Record<StatementEffect, StatementSort>> = {
  write: 'writes',
  'may write': 'writes',
  ddl: 'ddl',
}
