import { closeSync, openSync, writeSync } from 'node:fs'
import { sentenceOf } from '../../lib/errors.ts'

/** One thing that somebody did, as a line of the history. */
export interface Happening {
  /** Milliseconds since 1970. */
  readonly at: number
  /** client-3, nemesis, checker. */
  readonly who: string
  readonly what: string
  readonly session?: string
  readonly began?: number
  readonly outcome: string
  readonly detail?: string
}

/** Everything that happened, in a file of one JSON object a line and in memory for the checker. */
export class History {
  readonly path: string
  readonly all: Happening[] = []
  readonly #file: number

  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, 'w')
  }

  write(happening: Omit<Happening, 'at'>): void {
    const written = { at: Date.now(), ...happening }
    this.all.push(written)
    writeSync(this.#file, `${JSON.stringify(written)}\n`)
  }

  /** Does something and writes down how it went; what failed is undefined. */
  async record<T>(
    facts: {
      readonly who: string
      readonly what: string
      readonly session?: string
      readonly detail?: string
    },
    act: () => Promise<T>,
  ): Promise<T | undefined> {
    const began = Date.now()
    try {
      const result = await act()
      this.write({ ...facts, began, outcome: 'ok' })
      return result
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? `${String(error.code)} ` : ''
      const said = `${code}${sentenceOf(error)}`.slice(0, 300)
      this.write({
        ...facts,
        began,
        outcome: 'failed',
        detail: [facts.detail, said].join(' ').trim(),
      })
      return undefined
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}
