import {
  contentOf,
  unicodeUnescaped,
  type StringStyle,
  type StringToken,
} from './string-constants.ts'

/** How a connection reads backslashes in plain constants (standard_conforming_strings = off). */
export interface SqlDialect {
  readonly backslashEscapes: boolean
}

/** As much of PostgreSQL's lexical structure as is needed to find its string constants. */
export type SqlToken =
  | StringToken
  | {
      readonly kind: 'word'
      readonly word: string
      /** In double quotes: its letters are not folded. */
      readonly isQuoted: boolean
      readonly end: number
    }
  | { readonly kind: 'blank'; readonly end: number }
  | { readonly kind: 'other'; readonly end: number }

const BLANK = /\s+/y
const LINE_COMMENT = /--[^\r\n]*/y
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
/** E, N, B, X and U& stand directly before their quote. */
const PREFIXED = /(?:[enbx]|u&)'/iy
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
const NUMBER = /[0-9][\w.]*|\$[0-9]+/y
const QUOTED_WORD = /(?:u&)?"((?:[^"]|"")*)"?/iy
/** To the closing quote, or to the end of an unfinished text. */
const PLAIN_REST = /[^']*(?:''[^']*)*/y
const ESCAPED_REST = /[^'\\]*(?:(?:''|\\[^])[^'\\]*)*\\?/y
/**
 * From the quote that ends a constant's line to the quote where it goes on. Written so that every
 * character can be read in one way only: a hostile text costs its length.
 */
const JOINT = /'[ \t\f\v]*(?:--[^\r\n]*)?[\r\n](?:\s|--[^\r\n]*[\r\n])*'/y
const COMMENT_MARK = /\/\*|\*\//g
const UNICODE_QUOTE = /u&['"]/iy
const UESCAPE = /uescape/iy

/** The token that begins at this place. Always ends behind it, so that a scan comes to its end. */
export function nextToken(text: string, at: number, dialect: SqlDialect): SqlToken {
  const token = tokenAt(text, at, dialect)
  const isUnicode = text[at + 1] === '&' && matchEnd(UNICODE_QUOTE, text, at) !== undefined
  return isUnicode ? withItsEscape(text, { token, at }, dialect) : token
}

/** `UESCAPE '!'` behind U&"p!0061ssword" says how that reads, and is a part of it. */
function withItsEscape(
  text: string,
  { token, at }: { token: SqlToken; at: number },
  dialect: SqlDialect,
): SqlToken {
  const word = matchEnd(UESCAPE, text, blanksEnd(text, token.end))
  if (word === undefined) return token
  const constant = tokenAt(text, blanksEnd(text, word), dialect)
  if (constant.kind !== 'string') return token
  const escape = contentOf(constant)
  if (escape.length !== 1) return token
  const { end } = constant
  if (token.kind === 'string') return { ...token, escape, end }
  if (token.kind !== 'word') return token
  return { ...token, word: unicodeUnescaped(quotedName(text, at, token.end), escape), end }
}

function tokenAt(text: string, at: number, dialect: SqlDialect): SqlToken {
  const blank = blankEnd(text, at)
  if (blank !== undefined) return { kind: 'blank', end: blank }

  const prefixed = text[at] === "'" ? at + 1 : matchEnd(PREFIXED, text, at)
  if (prefixed !== undefined)
    return quotedConstant(text, { start: at, contentStart: prefixed }, dialect)
  const dollar = matchEnd(DOLLAR, text, at)
  if (dollar !== undefined) return dollarConstant(text, at, dollar)

  const quotedWord = matchEnd(QUOTED_WORD, text, at)
  if (quotedWord !== undefined) {
    const name = quotedName(text, at, quotedWord)
    const word = text[at] === '"' ? name : unicodeUnescaped(name)
    return { kind: 'word', word, isQuoted: true, end: quotedWord }
  }
  const wordEnd = matchEnd(WORD, text, at)
  if (wordEnd !== undefined) {
    return { kind: 'word', word: text.slice(at, wordEnd), isQuoted: false, end: wordEnd }
  }
  return { kind: 'other', end: matchEnd(NUMBER, text, at) ?? at + 1 }
}

/** What stands between double quotes; the last of them may be missing. */
function quotedName(text: string, at: number, end: number): string {
  return text
    .slice(text.indexOf('"', at) + 1, end)
    .replace(/"$/, '')
    .replaceAll('""', '"')
}

function blanksEnd(text: string, at: number): number {
  let end = at
  for (let blank = blankEnd(text, end); blank !== undefined; blank = blankEnd(text, end)) {
    end = blank
  }
  return end
}

/** Where a stretch of spaces or a comment ends; undefined where neither begins. */
function blankEnd(text: string, at: number): number | undefined {
  const blank = matchEnd(BLANK, text, at) ?? matchEnd(LINE_COMMENT, text, at)
  if (blank !== undefined) return blank
  return text.startsWith('/*', at) ? commentEnd(text, at) : undefined
}

function quotedConstant(
  text: string,
  { start, contentStart }: { start: number; contentStart: number },
  dialect: SqlDialect,
): StringToken {
  const style = styleOf(text.slice(start, contentStart - 1).toLowerCase(), dialect)
  const rest = style === 'escaped' ? ESCAPED_REST : PLAIN_REST
  const pieces: string[] = []
  let contentEnd = contentStart
  for (let from: number | undefined = contentStart; from !== undefined;) {
    contentEnd = matchEnd(rest, text, from) ?? from
    pieces.push(text.slice(from, contentEnd))
    from = matchEnd(JOINT, text, contentEnd)
  }
  const end = Math.min(contentEnd + 1, text.length)
  return { kind: 'string', start, contentStart, contentEnd, end, raw: pieces.join(''), style }
}

function styleOf(prefix: string, dialect: SqlDialect): StringStyle {
  if (prefix === 'u&') return 'unicode'
  return prefix === 'e' || (prefix === '' && dialect.backslashEscapes) ? 'escaped' : 'plain'
}

function dollarConstant(text: string, start: number, contentStart: number): StringToken {
  const mark = text.slice(start, contentStart)
  const found = text.indexOf(mark, contentStart)
  const contentEnd = found === -1 ? text.length : found
  const end = found === -1 ? text.length : found + mark.length
  const raw = text.slice(contentStart, contentEnd)
  return { kind: 'string', start, contentStart, contentEnd, end, raw, style: 'dollar' }
}

/** Comments nest in PostgreSQL. */
function commentEnd(text: string, at: number): number {
  let depth = 0
  COMMENT_MARK.lastIndex = at
  for (let mark = COMMENT_MARK.exec(text); mark; mark = COMMENT_MARK.exec(text)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return COMMENT_MARK.lastIndex
  }
  return text.length
}

/** Where a sticky pattern's match ends; undefined when it does not match here. */
function matchEnd(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}
