import { string as quoting } from '@json2csv/formatters'
import { Transform } from 'json2csv'
import { visible } from './presenters/visible.ts'

/** One column: its heading, and its text in a row. */
export interface CsvColumn<Row> {
  readonly heading: string
  readonly value: (row: Row) => string
}

/**
 * What makes spreadsheets compute a cell instead of showing it, also behind spaces that they drop
 * and in the full-width forms that they fold: = + - @, tab and line ends.
 */
const COMPUTED = /^(?:[\t\r\n]|[\s\p{Cf}]*[=+\-@\uff1d\uff0b\uff0d\uff20])/u
/** A dash alone is no formula; the trail writes it for "no session user any more". */
const DASH = '-'
/** RFC 4180, 2. */
const LINE_END = '\r\n'
/** To send each line by itself takes longer than to make it; characters. */
const PIECE_LENGTH = 8192
/** Without it Excel reads UTF-8 as the machine's old code page. */
const BYTE_ORDER_MARK = '\ufeff'

const quote = quoting()

/** A stream that takes rows and gives CSV, heading first; see csvFile for what stands around it. */
export function csvOf<Row extends object>(columns: readonly CsvColumn<Row>[]): Transform<Row, Row> {
  return new Transform<Row, Row>(
    {
      fields: columns.map(({ heading, value }) => ({ label: heading, value })),
      eol: LINE_END,
      formatters: { string: (text: string) => quote(csvText(text)) },
    },
    {},
    // only here does the stream take it for its own: rows go in as objects
    { objectMode: true },
  )
}

/**
 * For a pipeline behind csvOf: makes a file of its lines, the last one ended too. `head` is what the file says
 * of itself, a name and a value a line; a blank line parts it from the heading.
 */
export function csvFile(head: readonly (readonly string[])[] = []) {
  return async function* (
    lines: AsyncIterable<string | Buffer>,
  ): AsyncGenerator<string, void, undefined> {
    const said = head.map((cells) => cells.map((cell) => quote(csvText(cell))).join(',') + LINE_END)
    let piece = [BYTE_ORDER_MARK, ...said, ...(said.length === 0 ? [] : [LINE_END])].join('')
    // csvOf gives whole lines, one at a time
    for await (const line of lines) {
      piece += line.toString()
      if (piece.length < PIECE_LENGTH) continue
      yield piece
      piece = ''
    }
    yield piece + LINE_END
  }
}

/** A cell that shows as what was recorded, computes nothing and hides nothing. */
export function csvText(text: string): string {
  const isComputed = text !== DASH && COMPUTED.test(text)
  return `${isComputed ? "'" : ''}${visible(text)}`
}
