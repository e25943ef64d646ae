import { parsePlace, type AuditPlace } from './audit-cursor.ts'
import { fieldsOf } from './fields.ts'

/** What is looked for among the records of one sign-in. */
export interface OperationSearch {
  readonly q: string | null
  readonly place: AuditPlace | undefined
  readonly typed: string
  readonly mistake: string | undefined
}

const LONGEST_TEXT = 200

/** Reads `op` and `opAfter` of the page of a sign-in, or `q` and `cursor` of its API. */
export function readOperationSearch(
  query: unknown,
  names: { readonly q: string; readonly cursor: string } = { q: 'op', cursor: 'opAfter' },
): OperationSearch {
  const fields = fieldsOf(query)
  const typed = fields.text(names.q)
  const isTooLong = typed.length > LONGEST_TEXT
  return {
    q: typed === '' || isTooLong ? null : typed,
    place: parsePlace(fields.text(names.cursor)),
    typed,
    mistake: isTooLong ? `Use at most ${LONGEST_TEXT} characters.` : undefined,
  }
}
