/** One line of cells, and where in the text it begins: quoted cells may hold line ends. */
export interface CsvRow {
  /** From 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/** The rows of a text, or one sentence that says how to mend it. */
export type CsvReading =
  | { readonly ok: true; readonly rows: readonly CsvRow[] }
  | { readonly ok: false; readonly sentence: string }

const BYTE_ORDER_MARK = /^\ufeff/
/** What spreadsheets save: with the comma of RFC 4180, or with a semicolon where the comma is decimal. */
const SEPARATORS = [',', ';'] as const
const LINE_END = /\r\n|\n|\r/y
const LINE_ENDS = /\r\n|\r/g
/** RFC 4180, 2.7: a quote in a quoted cell is written twice. */
const QUOTED = /"([^"]*(?:""[^"]*)*)"/y

/**
 * Reads CSV (RFC 4180) with commas or semicolons, whichever its first line has more of; empty lines are
 * left out. A cell is text, whatever it looks like; line ends in quoted cells become `\n`.
 */
export function readCsv(whole: string): CsvReading {
  const text = whole.replace(BYTE_ORDER_MARK, '')
  const separator = separatorOf(text)
  const bare = new RegExp(`[^"\\r\\n${separator}]*`, 'y')
  const rows: CsvRow[] = []
  let [at, line, first] = [0, 1, 1]
  let cells: string[] = []
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  while (at < text.length || cells.length > 0) {
    const quoted = text[at] === '"' ? take(QUOTED) : undefined
    if (quoted === null) return fault(line, 'a quote has no end')
    const cell = quoted?.[1]?.replaceAll('""', '"') ?? take(bare)?.[0] ?? ''
    cells.push(cell.replace(LINE_ENDS, '\n'))
    line += cell.split(/\r\n|\n|\r/).length - 1
    if (at < text.length && text[at] === separator) {
      at += 1
      continue
    }
    if (take(LINE_END) === null && at < text.length) {
      return fault(line, 'text stands right beside a quote')
    }
    if (cells.some((each) => each !== '')) rows.push({ line: first, cells })
    cells = []
    line += 1
    first = line
  }
  return { ok: true, rows }
}

function separatorOf(text: string): string {
  const [first = ''] = text.replaceAll(/"[^"]*(?:""[^"]*)*"/g, '').split(/[\r\n]/, 1)
  const [comma, semicolon] = SEPARATORS.map((separator) => first.split(separator).length)
  return (semicolon ?? 0) > (comma ?? 0) ? ';' : ','
}

function fault(line: number, what: string): CsvReading {
  return {
    ok: false,
    sentence: `Line ${line}: ${what}. Put cells with quotes, separators or line ends in quotes, and write a quote in them twice.`,
  }
}
