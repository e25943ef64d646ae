import type { Random } from '../../walk/random.ts'

/** What a client says in one go, and what it then waits for. */
export interface Piece {
  readonly name: string
  readonly says: readonly Buffer[]
  /** Answers that end it, each with how many: ReadyForQuery by default once. */
  readonly readies: number
  /** How many executions it asks for; a lower bound of what is recorded. */
  readonly executions: number
  /** Said once the server has asked for COPY data. */
  readonly copy?: readonly Buffer[]
}

/** Who says it: texts are marked, so that two of them are the same only where it is meant. */
export interface Voice {
  readonly client: number
  readonly dice: Random
  /** Different at each call. */
  mark(): string
}

/** It is ended by as many ReadyForQuery as it asks for. */
export function piece(name: string, says: readonly Buffer[], executions: number): Piece {
  const readies = says.reduce(
    (sum, { 0: type }) => sum + (type === 0x53 || type === 0x51 || type === 0x46 ? 1 : 0),
    0,
  )
  return { name, says, readies, executions }
}

/** A text that is hard to quote or to take apart. */
export function textOf({ dice }: Voice): string {
  return dice.pick([
    '',
    'NULL',
    "it's",
    "', $2 = 'forged",
    'zwei\nZeilen',
    'Grüße, 你好',
    '\\x00',
    `n${Math.floor(dice.number() * 1e6)}`,
  ])
}

/** A whole number, both bounds included. */
export function whole({ dice }: Voice, least: number, most: number): number {
  return Math.floor(dice.between(least, most + 1))
}
