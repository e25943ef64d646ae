/** How a connection reads backslashes in plain constants (standard_conforming_strings = off). */
export interface SqlDialect {
  readonly backslashEscapes: boolean
}

/** A string constant of any form; one that never ends goes to the end of the text. */
export interface StringToken {
  readonly kind: 'string'
  readonly start: number
  readonly contentStart: number
  readonly contentEnd: number
  readonly end: number
  /** Quotes inside are doubled; false for a dollar-quoted constant. */
  readonly quoted: boolean
}

/** As much of PostgreSQL's lexical structure as is needed to find its string constants. */
export type SqlToken =
  | StringToken
  | { readonly kind: 'word'; readonly word: string; readonly end: number }
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
const COMMENT_MARK = /\/\*|\*\//g

/** The token that begins at this place. Always ends behind it, so that a scan comes to its end. */
export function nextToken(text: string, at: number, dialect: SqlDialect): SqlToken {
  const blank = matchEnd(BLANK, text, at) ?? matchEnd(LINE_COMMENT, text, at)
  if (blank !== undefined) return { kind: 'blank', end: blank }
  if (text.startsWith('/*', at)) return { kind: 'blank', end: commentEnd(text, at) }

  const prefixed = text[at] === "'" ? at + 1 : matchEnd(PREFIXED, text, at)
  if (prefixed !== undefined)
    return quotedConstant(text, { start: at, contentStart: prefixed }, dialect)
  const dollar = matchEnd(DOLLAR, text, at)
  if (dollar !== undefined) return dollarConstant(text, at, dollar)

  const quotedWord = matchEnd(QUOTED_WORD, text, at)
  if (quotedWord !== undefined) {
    const word = text.slice(text.indexOf('"', at) + 1, quotedWord).replace(/"$/, '')
    return { kind: 'word', word, end: quotedWord }
  }
  const wordEnd = matchEnd(WORD, text, at)
  if (wordEnd !== undefined) return { kind: 'word', word: text.slice(at, wordEnd), end: wordEnd }
  return { kind: 'other', end: matchEnd(NUMBER, text, at) ?? at + 1 }
}

function quotedConstant(
  text: string,
  { start, contentStart }: { start: number; contentStart: number },
  dialect: SqlDialect,
): StringToken {
  const prefix = text.slice(start, contentStart - 1).toLowerCase()
  const escaped = prefix === 'e' || (prefix === '' && dialect.backslashEscapes)
  const rest = escaped ? ESCAPED_REST : PLAIN_REST
  const contentEnd = matchEnd(rest, text, contentStart) ?? contentStart
  const end = Math.min(contentEnd + 1, text.length)
  return { kind: 'string', start, contentStart, contentEnd, end, quoted: true }
}

function dollarConstant(text: string, start: number, contentStart: number): StringToken {
  const mark = text.slice(start, contentStart)
  const found = text.indexOf(mark, contentStart)
  const contentEnd = found === -1 ? text.length : found
  const end = found === -1 ? text.length : found + mark.length
  return { kind: 'string', start, contentStart, contentEnd, end, quoted: false }
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
