/** A string constant of any form; one that never ends goes to the end of the text. */
export interface StringToken {
  readonly kind: 'string'
  readonly start: number
  readonly contentStart: number
  readonly contentEnd: number
  readonly end: number
  /** What stands between the quotes, joined where the constant goes on in another line. */
  readonly raw: string
  readonly style: StringStyle
  /** Of a `unicode` one with UESCAPE: the character in place of the backslash. */
  readonly escape?: string
}

/** How a constant is written: as it is, or with quotes doubled, backslash escapes, or U& escapes. */
export type StringStyle = 'dollar' | 'plain' | 'escaped' | 'unicode'

/** A cheap look: a word may stand in pieces over two lines, or be written with escapes. */
const MAY_HIDE = /'[ \t\f\v]*(?:--|[\r\n])|\\|u&['"]/i
/** \n, octal, \x41, \u0041, \U00000041, and any other character for itself. */
const ESCAPE =
  /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))|''/g
/** Inside U&: \0041, \+000041 and the backslash itself. */
const UNICODE_ESCAPE = unicodeEscape('\\')
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])
const LAST_CODE_POINT = 0x10ffff

/** True where the constants of a text may say words that a search of the text does not find. */
export function mayHideWords(text: string): boolean {
  return MAY_HIDE.test(text)
}

/** What a constant says, with its pieces joined and its escapes read as the database reads them. */
export function contentOf({ raw, style, escape }: StringToken): string {
  switch (style) {
    case 'dollar':
      return raw
    case 'plain':
      return raw.replaceAll("''", "'")
    case 'escaped':
      return raw.replace(ESCAPE, unescaped)
    case 'unicode':
      return unicodeUnescaped(raw, escape)
  }
}

/** What stands between the quotes of such a constant that says this. */
export function contentAs(
  content: string,
  { style, escape = '\\' }: Pick<StringToken, 'style' | 'escape'>,
): string {
  if (style === 'dollar') return content
  const quoted = content.replaceAll("'", "''")
  return style === 'plain' ? quoted : quoted.replaceAll(escape, escape + escape)
}

/** A text of a U&'...' constant or U&"..." name without its escapes. */
export function unicodeUnescaped(raw: string, escape = '\\'): string {
  const pattern = escape === '\\' ? UNICODE_ESCAPE : unicodeEscape(escape)
  return raw.replace(pattern, (found: string, short?: string, long?: string) =>
    found === "''" ? "'" : codePoint(short ?? long, 16, escape),
  )
}

function unicodeEscape(escape: string): RegExp {
  const mark = escape.replace(/[^\w]/, '\\$&')
  return new RegExp(`${mark}(?:([0-9a-fA-F]{4})|\\+([0-9a-fA-F]{6})|${mark})|''`, 'g')
}

function unescaped(
  found: string,
  octal?: string,
  byte?: string,
  short?: string,
  long?: string,
  other?: string,
): string {
  if (found === "''") return "'"
  if (octal !== undefined) return codePoint(octal, 8, found)
  if (other !== undefined) return CONTROLS.get(other) ?? other
  return codePoint(byte ?? short ?? long, 16, found)
}

function codePoint(digits: string | undefined, base: number, otherwise: string): string {
  const code = digits === undefined ? LAST_CODE_POINT + 1 : Number.parseInt(digits, base)
  return code > LAST_CODE_POINT ? otherwise : String.fromCodePoint(code)
}
