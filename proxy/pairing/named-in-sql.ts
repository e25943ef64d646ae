import type { SqlText } from './execution.ts'
import { nextToken, type SqlDialect, type SqlToken } from '../../lib/sql-tokens.ts'

/** The settings of a connection aren't known here: a name counts that stands there in either reading. */
const DIALECTS: readonly SqlDialect[] = [{ backslashEscapes: false }, { backslashEscapes: true }]

/**
 * The names behind a word of an SQL text, DEALLOCATE or CLOSE, as the database reads them: letters of
 * unquoted ones are folded. Undefined where the text doesn't show them all.
 */
export function namesBehind(word: 'deallocate' | 'close', sql: SqlText): string[] | undefined {
  if (sql.cut) return undefined
  const names = DIALECTS.flatMap((dialect) => namesIn(word, sql.text, dialect))
  return names.length === 0 ? undefined : names
}

function namesIn(word: string, text: string, dialect: SqlDialect): string[] {
  const names: string[] = []
  let isNext = false
  for (let at = 0; at < text.length;) {
    const token = nextToken(text, at, dialect)
    if (token.kind !== 'blank') {
      const name = nameIn(token)
      if (isNext && name !== undefined) names.push(name)
      // DEALLOCATE PREPARE s; and PREPARE may itself be a name
      isNext = name === word || (isNext && name === 'prepare')
    }
    at = token.end
  }
  return names
}

function nameIn(token: SqlToken): string | undefined {
  if (token.kind !== 'word') return undefined
  return token.isQuoted ? token.word : folded(token.word)
}

/** As the server does it in UTF-8 and other encodings of several bytes: ASCII alone. */
function folded(word: string): string {
  return word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
