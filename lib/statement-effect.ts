import { nextToken, type SqlDialect } from './sql-tokens.ts'

/**
 * What a statement did to its data source, or was to do. `may write` is said where the record leaves
 * it open; nothing is said of the others, and never that a statement only read: a function it called
 * may have written.
 */
export type StatementEffect = 'write' | 'ddl' | 'may write'

/** As much of a recorded statement as tells its effect. */
export interface Executed {
  readonly kind: string
  /** Of the whole query that the statement was a part of. */
  readonly text: string
  /** Length of the whole text; more than the text's where only its beginning was kept. */
  readonly textBytes: number
  /** Place in that query, from 1. */
  readonly part: number
  /** As the server said what was done; null where it never did. */
  readonly tag: string | null
}

/** As PostgreSQL's own log_statement divides them (GetCommandLogLevel in tcop/utility.c). */
const EFFECTS: ReadonlyMap<string, StatementEffect> = new Map<string, StatementEffect>([
  ...['insert', 'update', 'delete', 'merge', 'truncate'].map((word) => [word, 'write'] as const),
  ...[
    'create',
    'alter',
    'drop',
    'comment',
    'grant',
    'revoke',
    'security',
    'refresh',
    'reassign',
    'import',
    'cluster',
  ].map((word) => [word, 'ddl'] as const),
  ...['do', 'call'].map((word) => [word, 'may write'] as const),
])

/** Tags that don't tell: SELECT is that of CREATE TABLE AS and of a WITH that holds a DELETE, too. */
const OPEN_TAGS: ReadonlySet<string> = new Set(['select', 'explain', 'copy'])
/** What stands first where a change may stand inside. */
const HOLDING: ReadonlySet<string> = new Set(['with', 'explain', 'copy'])
const CHANGING: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge'])
/** A cheap look before the text is read word by word. */
const MAY_CHANGE = /insert|update|delete|merge|create|into/i
const CONFORMING: SqlDialect = { backslashEscapes: false }

/** What a recorded statement did or was to do; undefined where nothing says that it changed anything. */
export function effectOf(statement: Executed): StatementEffect | undefined {
  const { kind, tag } = statement
  if (kind === 'gap') return undefined
  if (kind === 'copy in') return 'write'
  // the number of a function says nothing of what it does
  if (kind === 'function call') return 'may write'
  if (tag === null) return attemptOf(statement)
  const said = tag.split(' ', 1)[0]?.toLowerCase() ?? ''
  return EFFECTS.get(said) ?? (OPEN_TAGS.has(said) ? effectOfText(statement) : undefined)
}

/** Without a tag, the first word says what was tried; of a later part nobody can say where it begins. */
function attemptOf(statement: Executed): StatementEffect | undefined {
  if (statement.part > 1) return MAY_CHANGE.test(statement.text) ? 'may write' : undefined
  const [first] = wordsOf(statement.text)
  return EFFECTS.get(first?.word ?? '') ?? effectOfText(statement)
}

function effectOfText({ text, textBytes, part }: Executed): StatementEffect | undefined {
  const isCut = textBytes > Buffer.byteLength(text)
  if (!isCut && !MAY_CHANGE.test(text)) return undefined
  if (part > 1) return mayChange([...wordsOf(text)]) ? 'may write' : undefined
  const words = [...firstStatement(text)]
  const lead = words[0]?.word ?? ''
  if (lead === 'create' || (lead === 'select' && words.some(isSelectInto))) return 'ddl'
  return HOLDING.has(lead) && (isCut || words.some(isChange)) ? 'may write' : undefined
}

function mayChange(words: readonly Word[]): boolean {
  if (words.some(({ word }) => word === 'create') || words.some(isSelectInto)) return true
  return words.some(({ word }) => HOLDING.has(word)) && words.some(isChange)
}

/** `for update` locks and changes nothing. */
function isChange({ word, before }: Word): boolean {
  return CHANGING.has(word) && before !== 'for' && before !== 'key'
}

function isSelectInto({ word, before }: Word): boolean {
  return word === 'into' && !['insert', 'merge', 'as', '.'].includes(before)
}

/** An unquoted word in lower case, with the one or the sign that stands before it. */
interface Word {
  readonly word: string
  readonly before: string
}

const END = ';'

function* firstStatement(text: string): Generator<Word> {
  let hasBegun = false
  for (const word of wordsOf(text)) {
    if (hasBegun && word.before === END) return
    hasBegun = true
    yield word
  }
}

function* wordsOf(text: string): Generator<Word> {
  let before = ''
  for (let at = 0; at < text.length;) {
    const token = nextToken(text, at, CONFORMING)
    if (token.kind === 'word' && !token.isQuoted) {
      const word = token.word.toLowerCase()
      yield { word, before }
      before = word
    } else if (token.kind !== 'blank' && before !== END) {
      before = text.slice(at, Math.min(token.end, at + 1))
    }
    at = token.end
  }
}
