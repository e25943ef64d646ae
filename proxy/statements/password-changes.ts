import { nextToken, type SqlDialect } from '../../lib/sql-tokens.ts'
import { contentOf, mayHideWords, type StringToken } from '../../lib/string-constants.ts'

/** A text without both words ends here. Apart: one expression for both would take the square of its length. */
const PASSWORD = /password/i
const ALTER = /alter/i
/** SQL in strings in strings: as deep as redaction looks. */
const DEEPEST = 3

/**
 * True where a text alters a role's password, also inside a DO body and other quoted SQL, and also
 * with the password redacted. It may call a text one that never ran so far; it misses what the database
 * puts together, and what is behind the part of a text that was kept: there the tag must do. Whatever a session user made of its own password, every
 * comparison of the data source puts the proxy's back.
 */
export function changesPassword(text: string, dialect: SqlDialect): boolean {
  return mayChangePassword(text) && changesIn(text, dialect, 0)
}

/** A cheap look: false where `changesPassword` is, however backslashes read. */
export function mayChangePassword(text: string): boolean {
  return isCandidate(text) || mayHideWords(text)
}

function isCandidate(text: string): boolean {
  return PASSWORD.test(text) && ALTER.test(text)
}

/**
 * What was read of a statement: `alter`, then `role` or `user`, then its name, and then `password`,
 * behind which something must stand.
 */
type Seen = 'nothing' | 'alter' | 'role' | 'name' | 'password'

function changesIn(text: string, dialect: SqlDialect, depth: number): boolean {
  let seen: Seen = 'nothing'
  for (let at = 0; at < text.length;) {
    const token = nextToken(text, at, dialect)
    const isEnd = token.kind === 'other' && text[at] === ';'
    if (seen === 'password' && !isEnd && token.kind !== 'blank') return true
    if (token.kind === 'word') seen = afterWord(seen, token.word.toLowerCase())
    // a name put together by format() or typed with odd characters is a name all the same
    else if (token.kind === 'other') seen = isEnd ? 'nothing' : seen === 'role' ? 'name' : seen
    else if (token.kind === 'string' && changesInside(token, { dialect, depth })) return true
    at = token.end
  }
  return false
}

function afterWord(seen: Seen, word: string): Seen {
  switch (seen) {
    case 'nothing':
      return word === 'alter' ? 'alter' : 'nothing'
    case 'alter':
      return word === 'role' || word === 'user' ? 'role' : 'nothing'
    case 'role':
      // ALTER USER MAPPING changes what this server says to another one
      return word === 'mapping' ? 'nothing' : 'name'
    case 'name':
      if (word === 'alter') return 'alter'
      return word === 'password' ? 'password' : 'name'
    case 'password':
      return 'password'
  }
}

function changesInside(
  token: StringToken,
  { dialect, depth }: { dialect: SqlDialect; depth: number },
): boolean {
  if (depth === DEEPEST) return false
  const content = contentOf(token)
  if (!isCandidate(content) && !mayHideWords(content)) return false
  return changesIn(content, dialect, depth + 1)
}
