import { nextToken, type SqlToken } from '../../lib/sql-tokens.ts'

/** Statements that commit by themselves even in a batch (PreventInTransactionBlock in PostgreSQL). */
const ALWAYS =
  /^(?:VACUUM|CLUSTER|ALTER SYSTEM|(?:CREATE|DROP) (?:DATABASE|TABLESPACE|SUBSCRIPTION))/
/** Those that do so with CONCURRENTLY. */
const WITH_WORD: ReadonlySet<string | null> = new Set(['CREATE INDEX', 'DROP INDEX', 'REINDEX'])
/** Of REINDEX: table by table. */
const MANY: ReadonlySet<string | undefined> = new Set(['schema', 'database', 'system'])
/** Which constants there are does not depend on it but where a backslash ends one. */
const DIALECT = { backslashEscapes: false }

/** What was prepared once runs again and again: its text is looked at once. */
let lastLook: { readonly text: string; readonly words: readonly string[] } = { text: '', words: [] }

/** True where no error behind it can take back what a statement with this tag did, as far as its text tells. */
export function commitsItself(tag: string | null, text: string): boolean {
  if (tag !== null && ALWAYS.test(tag)) return true
  if (!WITH_WORD.has(tag)) return false
  if (text !== lastLook.text) lastLook = { text, words: wordsOfOne(text) }
  const { words } = lastLook
  return words.includes('concurrently') || (tag === 'REINDEX' && MANY.has(objectOf(words)))
}

/** Its words without quotes, and its parentheses; none where there are several statements: none of them may commit. */
function wordsOfOne(text: string): readonly string[] {
  const words: string[] = []
  let isOver = false
  for (let at = 0; at < text.length;) {
    const token = nextToken(text, at, DIALECT)
    if (isOver && token.kind !== 'blank') return []
    const word = wordOf(token, text[at])
    if (word === ';') isOver = true
    else if (word !== undefined) words.push(word)
    at = token.end
  }
  return words
}

function wordOf(token: SqlToken, first: string | undefined): string | undefined {
  if (token.kind === 'word') return token.isQuoted ? undefined : token.word.toLowerCase()
  return token.kind === 'other' ? first : undefined
}

/** What a REINDEX names the kind of: the first word behind its options. */
function objectOf(words: readonly string[]): string | undefined {
  const rest = words.slice(1)
  return rest[0] === '(' ? rest[rest.indexOf(')') + 1] : rest[0]
}
