/**
 * Control characters, what turns the direction of text round, and what has no width: with them a
 * text can show as another one than it is. Line and paragraph separators break a line in two.
 */
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** The text with every character that people could not see written as an escape: `\n`, `\u202e`. */
export function visible(text: string): string {
  return text.replaceAll(DECEPTIVE, (character) => SHORT[character] ?? escapeOf(character))
}

/** As visible(), but lines stay lines: for SQL and for what people wrote. */
export function visibleLines(text: string): string {
  return text
    .split(/(\r?\n|\t)/)
    .map((part) => (/^\s*$/.test(part) ? part.replaceAll('\r', '') : visible(part)))
    .join('')
}

function escapeOf(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16)
  return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`
}
