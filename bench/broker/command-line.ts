import { parseArgs } from 'node:util'

export interface BenchSizes {
  /** Roles that the data source has before anything is asked for. */
  readonly roles: number
  /** Sessions that begin, and end, at the same moment. */
  readonly sessions: number
  /** Grants one after another. */
  readonly rounds: number
  /** What is measured: grants, starts, ends. */
  readonly parts: readonly string[]
}

/** Reads the sizes of a run. */
export function readCommandLine(): BenchSizes {
  const { values } = parseArgs({
    options: {
      roles: { type: 'string', default: '10000' },
      sessions: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '60' },
      only: { type: 'string', default: 'grants,starts,ends' },
    },
  })
  return {
    roles: count('roles', values.roles),
    sessions: count('sessions', values.sessions),
    rounds: count('rounds', values.rounds),
    parts: values.only.split(','),
  }
}

function count(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${name} must be a whole number above 0, not "${text}"`)
  process.exit(2)
}
