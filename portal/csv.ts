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

const quote = quoting()

/** A stream that takes rows and gives CSV, heading first. */
export function csvOf<Row extends object>(columns: readonly CsvColumn<Row>[]): Transform<Row, Row> {
  return new Transform<Row, Row>(
    {
      fields: columns.map(({ heading, value }) => ({ label: heading, value })),
      eol: LINE_END,
      // without it Excel reads UTF-8 as the machine's old code page
      withBOM: true,
      formatters: { string: (text: string) => quote(csvText(text)) },
    },
    {},
    // only here does the stream take it for its own: rows go in as objects
    { objectMode: true },
  )
}

/** A cell that shows as what was recorded, computes nothing and hides nothing. */
export function csvText(text: string): string {
  const isComputed = text !== DASH && COMPUTED.test(text)
  return `${isComputed ? "'" : ''}${visible(text)}`
}
