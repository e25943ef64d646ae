import { visible } from './visible.ts'

/** As visible(), but lines stay lines: for SQL and for what people wrote. */
export function visibleLines(text: string): string {
  return text
    .split(/(\r?\n|\t)/)
    .map((part) => (/^\s*$/.test(part) ? part.replaceAll('\r', '') : visible(part)))
    .join('')
}
