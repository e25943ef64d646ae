import type { Db, Transaction } from './store.ts'

/**
 * Runs the statements of one search, at one moment of the trail and planned for what they are: many and
 * short. Workers and compiled code take longer to start than they save, and pages of an index in use are in
 * memory, where those at random cost no more than the next ones.
 */
export function inSearch<T>(db: Db, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return db.transaction(
    async (tx) => {
      await tx.raw(
        `set local max_parallel_workers_per_gather = 0; set local jit = off; set local random_page_cost = 1.1`,
      )
      return await work(tx)
    },
    { isolationLevel: 'repeatable read', readOnly: true },
  )
}
