import type { Recorded } from './recording.ts'
import type { Logged } from './server-log.ts'

/** What the comparison found. */
export interface Comparison {
  readonly ran: number
  readonly refused: number
  readonly matched: number
  /** Recorded as skipped, and the server knows nothing of it. */
  readonly skipped: number
  /** Sent, and then the connection ended: the server never came to it. */
  readonly unanswered: number
  /** Connections that recorded something without an answer. */
  readonly cutConnections: number
  readonly differences: readonly string[]
}

/**
 * Holds what the server says it ran against what was recorded. The rules stand in docs/clients.md;
 * whatever they don't explain is a difference.
 */
export function compare(logged: readonly Logged[], recorded: readonly Recorded[]): Comparison {
  const left = new Stock(recorded)
  const differences: string[] = []
  let matched = 0
  const later: Logged[] = []
  // what is sure first: a statement with an answer must not be taken for one without
  for (const each of logged) {
    if (each.text !== undefined && left.take(each, (row) => answers(row, each))) matched += 1
    else later.push(each)
  }
  // and what the log has without its values must not take the row of another that it has with them
  const byValues = later.toSorted((a, b) => Number(isBare(a)) - Number(isBare(b)))
  for (const each of byValues) {
    if (each.text === undefined) continue
    if (left.take(each, (row) => mayBe(row, each))) matched += 1
    else
      differences.push(
        `${each.ran ? 'ran' : 'was refused'} and is not recorded so: ${shown(each)}; ` +
          `left of this text: ${left.alike(each).map(shown).join(' ') || 'nothing'}`,
      )
  }
  const ends = new Ends(logged)
  const rest = left.rest().filter((row) => !ends.explain(row))
  for (const row of rest) {
    if (!isExplained(row)) differences.push(`is recorded and did not run: ${shown(row)}`)
  }
  return {
    ran: logged.filter(({ ran }) => ran).length,
    refused: logged.filter(({ ran, text }) => !ran && text !== undefined).length,
    matched,
    skipped: rest.filter(({ outcome }) => outcome === 'skipped').length,
    unanswered: rest.filter(hasNoAnswer).length,
    cutConnections: new Set(recorded.filter(hasNoAnswer).map(({ connection }) => connection)).size,
    differences: [...differences, ...listLost(recorded)],
  }
}

/** What is without an answer stands at the end of its connection: an answer behind it shows that it was lost. */
function listLost(recorded: readonly Recorded[]): string[] {
  const answered = new Map<string, number>()
  for (const { connection, number, outcome } of recorded) {
    if (outcome !== 'ok' && outcome !== 'error') continue
    answered.set(connection, Math.max(answered.get(connection) ?? 0, Number(number)))
  }
  return recorded
    .filter((row) => hasNoAnswer(row) && Number(row.number) < (answered.get(row.connection) ?? 0))
    .map((row) => `has no answer, and what came behind it has: ${shown(row)}`)
}

function isBare({ values }: Logged): boolean {
  return values === undefined
}

const MOST_ALIKE = 3

/** The recording by user and text. */
class Stock {
  readonly #rows = new Map<string, Recorded[]>()

  constructor(recorded: readonly Recorded[]) {
    for (const row of recorded) {
      const key = keyOf(row)
      const rows = this.#rows.get(key)
      if (rows) rows.push(row)
      else this.#rows.set(key, [row])
    }
  }

  take(logged: Logged, fits: (row: Recorded) => boolean): boolean {
    const rows = this.#rows.get(keyOf(logged)) ?? []
    const index = rows.findIndex((row) => fits(row))
    if (index >= 0) rows.splice(index, 1)
    return index >= 0
  }

  /** What could be meant by it, for whoever reads the report. */
  alike(logged: Logged): readonly Recorded[] {
    const rows = this.#rows.get(keyOf(logged)) ?? []
    return rows.filter((row) => isOfItsKind(row, logged)).slice(0, MOST_ALIKE)
  }

  rest(): Recorded[] {
    return [...this.#rows.values()].flat()
  }
}

function keyOf({ user, text }: Logged | Recorded): string {
  return `${user} ${text ?? ''}`
}

/** Ends of connections by the server, each the answer to at most one statement that never ran. */
class Ends {
  readonly #left = new Map<string, number>()

  constructor(logged: readonly Logged[]) {
    for (const { user, text, sqlstate } of logged) {
      if (text === undefined) this.#add(`${user} ${sqlstate ?? ''}`, 1)
    }
  }

  explain({ user, outcome, sqlstate }: Recorded): boolean {
    const key = `${user} ${sqlstate ?? ''}`
    if (outcome !== 'error' || (this.#left.get(key) ?? 0) === 0) return false
    this.#add(key, -1)
    return true
  }

  #add(key: string, count: number): void {
    this.#left.set(key, (this.#left.get(key) ?? 0) + count)
  }
}

/** This row is this execution, with the answer that the server gave. */
function answers(row: Recorded, logged: Logged): boolean {
  if (!isOfItsKind(row, logged)) return false
  if (logged.sqlstate === null) return row.outcome === 'ok'
  return row.outcome === 'error' && row.sqlstate === logged.sqlstate
}

/** This row is this execution, and the connection ended before the answer came. */
function mayBe(row: Recorded, logged: Logged): boolean {
  return hasNoAnswer(row) && isOfItsKind(row, logged)
}

/** What failed in Parse or Bind, and a function call, stands in the log without its values. */
function isOfItsKind({ values, isExtended }: Recorded, logged: Logged): boolean {
  if (logged.isExtended !== undefined && isExtended !== logged.isExtended) return false
  if (logged.values === undefined) return true
  return (
    values.length === logged.values.length &&
    logged.values.every((value, place) => value === values[place])
  )
}

function hasNoAnswer({ outcome }: Recorded): boolean {
  return outcome === 'aborted' || outcome === 'unknown'
}

/** What a row may be that the server's log does not have. */
function isExplained(row: Recorded): boolean {
  if (row.outcome === 'skipped' || hasNoAnswer(row)) return true
  // an Execute of nothing at all is answered, and not logged
  return row.isExtended && row.text === '' && row.outcome === 'ok'
}

function shown(what: Logged | Recorded): string {
  return JSON.stringify(what)
}
