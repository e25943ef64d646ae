import { StatementBatch } from '../../db/statement-batch.ts'
import type { StatementRow } from '../../db/statement-log.ts'

/** What one batch carries. */
const BATCH_ROWS = 5_000
const BATCH_BYTES = 4 * 1024 * 1024

/** Finished statements that wait to travel together. */
export class ReadyStatements {
  readonly batch = new StatementBatch()
  readonly #isAlarming: (row: StatementRow) => boolean
  #alarming: StatementRow[] = []
  #since = 0
  #firstEnd = 0
  #lastEnd = 0

  constructor(isAlarming: (row: StatementRow) => boolean) {
    this.#isAlarming = isAlarming
  }

  get count(): number {
    return this.batch.count
  }

  get isFull(): boolean {
    return this.batch.count >= BATCH_ROWS || this.batch.bytes >= BATCH_BYTES
  }

  /** When the first of them became ready. */
  get since(): number {
    return this.#since
  }

  /** When the oldest of them ended. */
  get firstEnd(): number {
    return this.#firstEnd
  }

  /** When the newest one ended. */
  get lastEnd(): number {
    return this.#lastEnd
  }

  /** Those of which somebody must be told when they are in the store. */
  get alarming(): readonly StatementRow[] {
    return this.#alarming
  }

  add(row: StatementRow): void {
    this.#lastEnd = row.startedAt + (row.milliseconds ?? 0)
    if (this.batch.count === 0) {
      this.#since = Date.now()
      this.#firstEnd = this.#lastEnd
    }
    this.batch.add(row)
    if (this.#isAlarming(row)) this.#alarming.push(row)
  }

  /** They are in the store. */
  clear(): void {
    this.batch.clear()
    this.#alarming = []
  }
}
