import type { Statement } from '../../db/statements.ts'
import { iso } from '../../db/store.ts'

/** A statement as the API says it; a value too long to keep is its beginning, with what proves the rest. */
export function statementJson(statement: Statement): Record<string, unknown> {
  return { ...statement, startedAt: iso(statement.startedAt) }
}
