import { nextToken, type SqlDialect, type SqlToken } from '../../lib/sql-tokens.ts'
import { visibleLines } from './visible-lines.ts'

/**
 * A stretch of SQL of one kind; `plain` is what needs no colour. The text stays one piece in the page, so
 * that it can be found and copied: the script colours it by the lengths (CSS Custom Highlight API).
 */
export interface SqlSpan {
  readonly kind: 'keyword' | 'name' | 'string' | 'number' | 'comment' | 'plain'
  readonly text: string
  /** Its letters may run from the right, and must not turn what stands beside them. */
  readonly isApart?: true
  /** It is what somebody searched for. */
  readonly isFound?: true
}

/** A text in two: what is shown, and what is folded behind it. */
export interface FoldedSql {
  readonly beginning: readonly SqlSpan[]
  readonly rest: readonly SqlSpan[]
}

const FROM_THE_RIGHT =
  /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u
const CONFORMING: SqlDialect = { backslashEscapes: false }
/** A page with more spans than this is slow to show: what follows has no colours. */
const COLOURED_MOST = 100_000

/** SQL as people read it: every character visible, words of PostgreSQL apart from names and constants. */
export function sqlSpans(text: string): SqlSpan[] {
  const spans: SqlSpan[] = []
  const coloured = Math.min(text.length, COLOURED_MOST)
  let plain = 0
  let at = 0
  while (at < coloured) {
    const token = nextToken(text, at, CONFORMING)
    const kind = kindOf(token, text, at)
    if (kind !== 'plain') {
      addPlain(spans, text.slice(plain, at))
      const shown = visibleLines(text.slice(at, token.end))
      spans.push(
        FROM_THE_RIGHT.test(shown) ? { kind, text: shown, isApart: true } : { kind, text: shown },
      )
      plain = token.end
    }
    at = token.end
  }
  addPlain(spans, text.slice(plain))
  return spans
}

function addPlain(spans: SqlSpan[], text: string): void {
  if (text !== '') spans.push({ kind: 'plain', text: visibleLines(text) })
}

function kindOf(token: SqlToken, text: string, at: number): SqlSpan['kind'] {
  switch (token.kind) {
    case 'string':
      return 'string'
    case 'word':
      if (token.isQuoted) return 'name'
      return KEYWORDS.has(token.word.toLowerCase()) ? 'keyword' : 'plain'
    case 'blank':
      return text.startsWith('--', at) || text.startsWith('/*', at) ? 'comment' : 'plain'
    case 'other':
      return /[0-9]/.test(text.slice(at, token.end)) ? 'number' : 'plain'
  }
}

/** Folds what is longer than so many characters or lines, unless only a little would be folded. */
export function foldSql(
  spans: readonly SqlSpan[],
  { characters, lines }: { readonly characters: number; readonly lines: number },
): FoldedSql {
  const text = spans.map((span) => span.text).join('')
  const most = Math.min(characters, endOfLine(text, lines))
  if (text.length <= most * LITTLE_MORE) return { beginning: spans, rest: [] }
  return divide(spans, wholeCharacters(text, most))
}

const LITTLE_MORE = 1.25

/** Where the line of this number ends; the end of the text where it has no more. */
function endOfLine(text: string, lines: number): number {
  let end = -1
  for (let line = 0; line < lines; line += 1) {
    end = text.indexOf('\n', end + 1)
    if (end === -1) return text.length
  }
  return end
}

/** Not through the middle of a character of two, nor between one and the marks upon it. */
function wholeCharacters(text: string, at: number): number {
  let end = at
  while (end < text.length && /^[\udc00-\udfff\p{M}]/u.test(text.charAt(end))) end += 1
  return end
}

function divide(spans: readonly SqlSpan[], at: number): FoldedSql {
  const beginning: SqlSpan[] = []
  const rest: SqlSpan[] = []
  let before = 0
  for (const span of spans) {
    const { text } = span
    const cut = Math.min(Math.max(at - before, 0), text.length)
    if (cut > 0) beginning.push({ ...span, text: text.slice(0, cut) })
    if (cut < text.length) rest.push({ ...span, text: text.slice(cut) })
    before += text.length
  }
  return { beginning, rest }
}

/** A page with more marks than this shows nobody the way. */
const MARKED_MOST = 100

/** The same spans with the places marked where a text stands in them, in any case. */
export function markFound(spans: readonly SqlSpan[], sought: string): readonly SqlSpan[] {
  if (sought === '') return spans
  const literal = visibleLines(sought).replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
  const whole = spans.map(({ text }) => text).join('')
  const ends: number[] = []
  for (const { index, 0: found } of whole.matchAll(new RegExp(literal, 'giu'))) {
    ends.push(index, index + found.length)
    if (ends.length >= 2 * MARKED_MOST) break
  }
  return cutAt(spans, ends)
}

/** Cuts spans at places in their order; what lies behind an odd number of them is found. */
function cutAt(spans: readonly SqlSpan[], ends: readonly number[]): SqlSpan[] {
  const pieces: SqlSpan[] = []
  let passed = 0
  let before = 0
  for (const span of spans) {
    const { text } = span
    for (let from = 0; from < text.length;) {
      const to = Math.min((ends[passed] ?? Infinity) - before, text.length)
      const piece = { ...span, text: text.slice(from, to) }
      if (to > from) pieces.push(passed % 2 === 0 ? piece : { ...piece, isFound: true })
      from = to
      while ((ends[passed] ?? Infinity) === before + from) passed += 1
    }
    before += text.length
  }
  return pieces
}

/** What people look for in a statement; not all of PostgreSQL's, most of which are good names, too. */
const KEYWORDS: ReadonlySet<string> = new Set(
  `abort add all alter analyse analyze and any array as asc asymmetric begin between both by call
   cascade case cast check cluster collate column comment commit concurrently constraint copy create
   cross current_catalog current_date current_role current_time current_timestamp current_user
   cursor database deallocate declare default deferrable delete desc discard distinct do drop else
   end except execute exists explain extension fetch filter following for foreign freeze from full
   function grant group having if ilike immutable import in index initially inner insert intersect
   into is isnull join key language lateral leading left like limit listen load localtime
   localtimestamp lock materialized merge move natural no not notify notnull null nulls of offset on
   only or order outer over overlaps partition placing preceding prepare primary procedure public
   reassign references refresh reindex release rename reset restrict returning returns revoke right
   role rollback row rows savepoint schema security select sequence session_user set show similar
   some start strict symmetric system_user table tablesample temp temporary then to trailing
   transaction trigger true false truncate type unbounded union unique unlisten unlogged update user
   using vacuum values variadic verbose view volatile when where window with within work`.split(
    /\s+/,
  ),
)
