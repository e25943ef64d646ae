import { COLUMNS, type Column } from './columns.ts'

export type HeadingReading =
  | { readonly ok: true; readonly columns: readonly Column[] }
  | { readonly ok: false; readonly sentence: string }

/** Reads the first line: which columns the file has, in its own order, whatever their case. */
export function readHeading(cells: readonly string[]): HeadingReading {
  const names = cells.map((cell) => cell.trim())
  // spreadsheets end lines with empty cells
  while (names.at(-1) === '') names.pop()
  if (names.length === 0) return refuse(`The first line names the columns: ${KNOWN}.`)
  const columns: Column[] = []
  for (const name of names) {
    const column = COLUMNS.find(({ heading }) => heading.toLowerCase() === name.toLowerCase())
    if (column === undefined) return refuse(unknown(name))
    if (columns.includes(column)) return refuse(`There are two columns ${column.heading}.`)
    columns.push(column)
  }
  if (columns.some(({ field }) => field === 'username')) return { ok: true, columns }
  return refuse('There is no column Username.')
}

const KNOWN = COLUMNS.map(({ heading }) => heading).join(', ')

function unknown(name: string): string {
  if (/password/i.test(name)) {
    return 'Passwords are not imported: take the column out, and invite the users by a link.'
  }
  return `There is no column ${JSON.stringify(name)}: the first line takes ${KNOWN}.`
}

function refuse(sentence: string): HeadingReading {
  return { ok: false, sentence }
}
