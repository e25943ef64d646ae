import { createHash } from 'node:crypto'
import type { Person } from '../../db/people.ts'
import { readCsv, type CsvRow } from './csv.ts'
import type { Clock, Column, UserValues } from './columns.ts'
import { readHeading } from './heading.ts'

/** What a line of the file does. */
export type Outcome = 'add' | 'change' | 'same' | 'wrong'

/** One cell as it was written; `before` where it changes something. */
export interface PlannedCell {
  readonly column: Column
  readonly text: string
  readonly before?: string
  readonly mistake?: string
}

/** One line of the file and what it does. */
export interface PlannedLine {
  readonly line: number
  readonly outcome: Outcome
  readonly cells: readonly PlannedCell[]
  /** What is wrong with the line as a whole. */
  readonly mistake?: string
  /** Whom it changes; absent: nobody has the username. */
  readonly person?: Person
  /** What the line says, empty cells left out. */
  readonly values: Partial<UserValues>
}

/** Everything a file does, line by line; nothing of it is done yet. */
export interface ImportPlan {
  readonly columns: readonly Column[]
  readonly lines: readonly PlannedLine[]
  readonly counts: Readonly<Record<Outcome, number>>
  /** Another one as soon as anything would be done otherwise. */
  readonly digest: string
}

/** Who there is, and who imports. */
export interface ImportWorld {
  readonly people: readonly Person[]
  readonly clock: Clock
  /** Nobody changes their own rights; absent for an operator. */
  readonly selfId?: string | undefined
}

export type PlanReading =
  | { readonly ok: true; readonly plan: ImportPlan }
  | { readonly ok: false; readonly sentence: string }

export const IMPORT_BYTES_MOST = 1_000_000
export const IMPORT_LINES_MOST = 2000

/** Works out what a file would do to the users there are. */
export function planImport(text: string, world: ImportWorld): PlanReading {
  if (Buffer.byteLength(text) > IMPORT_BYTES_MOST) {
    return { ok: false, sentence: 'The file is larger than 1 MB: import it in pieces.' }
  }
  const csv = readCsv(text)
  if (!csv.ok) return csv
  const [head, ...rows] = csv.rows
  const heading = readHeading(head?.cells ?? [])
  if (!heading.ok) return heading
  if (rows.length === 0) return { ok: false, sentence: 'There is no line below the heading.' }
  if (rows.length > IMPORT_LINES_MOST) {
    return {
      ok: false,
      sentence: `There are ${rows.length} lines, and at most ${IMPORT_LINES_MOST} are imported at once: import them in pieces.`,
    }
  }
  return { ok: true, plan: planOf(heading.columns, linesOf(rows, heading.columns, world)) }
}

function planOf(columns: readonly Column[], lines: readonly PlannedLine[]): ImportPlan {
  const count = (outcome: Outcome) => lines.filter((line) => line.outcome === outcome).length
  const done = lines.map(({ outcome, person, values, cells }) => [
    outcome,
    person?.id,
    values,
    cells.map(({ before }) => before),
  ])
  return {
    columns,
    lines,
    counts: {
      add: count('add'),
      change: count('change'),
      same: count('same'),
      wrong: count('wrong'),
    },
    digest: createHash('sha256').update(JSON.stringify(done)).digest('hex'),
  }
}

function linesOf(
  rows: readonly CsvRow[],
  columns: readonly Column[],
  world: ImportWorld,
): PlannedLine[] {
  const known = new Map(world.people.map((person) => [person.username.toLowerCase(), person]))
  const seen = new Map<string, number>()
  return rows.map((row) => {
    const line = lineOf(row, columns, { ...world, known })
    const { username } = line.values
    if (username === undefined) return line
    const earlier = seen.get(username)
    seen.set(username, earlier ?? row.line)
    return earlier === undefined ? line : wrongAt(line, `Line ${earlier} is of this user already.`)
  })
}

interface Known extends ImportWorld {
  readonly known: ReadonlyMap<string, Person>
}

function lineOf({ line, cells }: CsvRow, columns: readonly Column[], world: Known): PlannedLine {
  const texts = columns.map((_column, at) => (cells[at] ?? '').trim())
  const readings = columns.map((column, at) => {
    const text = texts[at] ?? ''
    return text === '' ? { value: {} } : column.read(text, world.clock)
  })
  const values = readings.reduce<Partial<UserValues>>(
    (before, reading) => ('value' in reading ? { ...before, ...reading.value } : before),
    {},
  )
  const person = values.username === undefined ? undefined : world.known.get(values.username)
  const planned = columns.map((column, at): PlannedCell => {
    const reading = readings[at]
    const cell = { column, text: texts[at] ?? '' }
    if (reading !== undefined && 'mistake' in reading) return { ...cell, mistake: reading.mistake }
    return { ...cell, ...changeOf(cell, { values, person, world }) }
  })
  const mistake = mistakeOf(cells, columns, { values, person })
  const facts = { line, cells: planned, values, ...(person === undefined ? {} : { person }) }
  if (mistake !== undefined) return { ...facts, outcome: 'wrong', mistake }
  return { ...facts, outcome: outcomeOf(planned, person) }
}

function mistakeOf(
  cells: readonly string[],
  columns: readonly Column[],
  { values, person }: Pick<PlannedLine, 'values'> & { readonly person: Person | undefined },
): string | undefined {
  if (cells.slice(columns.length).some((cell) => cell.trim() !== '')) {
    return `This line has ${cells.length} cells, and the heading ${columns.length}.`
  }
  if (person?.kind === 'service') {
    return `${person.username} is an application, and no user: change it on its own page.`
  }
  const at = columns.findIndex(({ field }) => field === 'username')
  return values.username === undefined && (cells[at] ?? '').trim() === ''
    ? 'Give the username.'
    : undefined
}

/** What a cell changes; empty where it says what is so already, or nothing. */
function changeOf(
  { column, text }: PlannedCell,
  {
    values,
    person,
    world,
  }: { values: Partial<UserValues>; person?: Person | undefined; world: Known },
): { readonly before?: string; readonly mistake?: string } {
  if (person === undefined || text === '' || isSame(person, values, column.field)) return {}
  if (column.isRight && person.id === world.selfId) {
    return { mistake: 'Ask another admin: nobody changes this of themselves.' }
  }
  return { before: column.write(person) }
}

function isSame(person: Person, values: Partial<UserValues>, field: Column['field']): boolean {
  if (field === 'expiresAt') return person.expiresAt?.toMillis() === values.expiresAt?.toMillis()
  return person[field] === values[field]
}

function outcomeOf(cells: readonly PlannedCell[], person: Person | undefined): Outcome {
  if (cells.some(({ mistake }) => mistake !== undefined)) return 'wrong'
  if (person === undefined) return 'add'
  return cells.some(({ before }) => before !== undefined) ? 'change' : 'same'
}

function wrongAt(line: PlannedLine, mistake: string): PlannedLine {
  const cells = line.cells.map((cell) =>
    cell.column.field === 'username' ? { ...cell, mistake } : cell,
  )
  return { ...line, outcome: 'wrong', cells }
}
