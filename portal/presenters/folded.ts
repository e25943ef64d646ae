import type { FoldedText } from './pieces.ts'
import { visibleLines } from './visible-lines.ts'

/** What of a text is seen before one asks for the rest. */
export interface Fold {
  readonly characters: number
  readonly lines: number
}

/** A justification or a reason where there is room for a paragraph. */
export const PARAGRAPH: Fold = { characters: 420, lines: 6 }
/** The same where it is one of many lines. */
export const LINE: Fold = { characters: 90, lines: 1 }
/** A rest that is hardly longer than the words that would fold it is not folded. */
const LEAST_REST = 60

/** A text as people wrote it; what is beyond the fold stands in `rest`, and nothing is lost. */
export function foldText(text: string, fold: Fold): FoldedText {
  const at = foldAt(text, fold)
  const rest = text.slice(at).trimEnd()
  if (rest.length <= LEAST_REST && !rest.includes('\n')) {
    return { beginning: visibleLines(text), rest: '', restText: '' }
  }
  const count = [...SEGMENTS.segment(rest.trim())].length.toLocaleString('en-US')
  return {
    beginning: visibleLines(text.slice(0, at).trimEnd()),
    rest: visibleLines(rest.replace(/^[ \t]*\n?/, '')),
    restText: `The rest, ${count} characters more`,
  }
}

/** Between words where there are any, and never within what is read as one character. */
function foldAt(text: string, { characters, lines }: Fold): number {
  const ends = [...text.matchAll(/\n/g)].map(({ index }) => index)
  const room = Math.min(characters, ends[lines - 1] ?? text.length)
  if (text.length <= room) return text.length
  if (/\s/.test(text.charAt(room))) return room
  const space = text.slice(0, room).search(/\s\S*$/)
  if (space > room / 2) return space
  const [last] = [...SEGMENTS.segment(text.slice(0, room + LONGEST_CLUSTER))]
    .filter(({ index }) => index <= room)
    .slice(-1)
  return last?.index ?? room
}

const SEGMENTS = new Intl.Segmenter('en', { granularity: 'grapheme' })
/** Of what is read as one character, in UTF-16 units; a family of emoji has eleven. */
const LONGEST_CLUSTER = 64
