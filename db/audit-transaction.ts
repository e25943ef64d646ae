import type { Db, Transaction } from './store.ts'

/**
 * Runs the statements of one search, at one moment of the trail and planned for what they are: many and
 * short. Workers and compiled code take longer to start than they save, and pages of an index in use are in
 * memory, where those at random cost no more than the next ones.
 */
export function inSearch<T>(
  db: Db,
  work: (tx: Transaction) => Promise<T>,
  { deadlineMs }: { readonly deadlineMs?: number } = {},
): Promise<T> {
  const deadline = deadlineMs === undefined ? '' : `; ${deadlineIn(deadlineMs)}`
  return db.transaction(
    async (tx) => {
      await tx.raw(
        `set local max_parallel_workers_per_gather = 0; set local jit = off; set local random_page_cost = 1.1${deadline}`,
      )
      return await work(tx)
    },
    { isolationLevel: 'repeatable read', readOnly: true },
  )
}

/** Gives up what of a transaction is asked from now on, each statement after so many milliseconds. */
export function deadlineIn(milliseconds: number): string {
  return `set local statement_timeout = ${String(Math.max(1, Math.ceil(milliseconds)))}`
}
