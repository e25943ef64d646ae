const HALF_AT_END = /[\ud800-\udbff]$/
/** Half of a character of two: no JSON document may hold one. */
const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** The first so many UTF-16 units of a text, and never half a character of two at their end. */
export function beginningOf(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most).replace(HALF_AT_END, '')
}

/** The text with the replacement character for each half of a character. */
export function wellFormed(text: string): string {
  return text.replace(HALF, '\ufffd')
}
