import { rows, unhurried, type Store } from './store.ts'

/** This month and the next two: parts may be away for that long. */
const MONTHS_AHEAD = [0, 1, 2] as const
/** Where no broker ran in time, a whole month's rows move; milliseconds. */
const DEADLINE_MS = 600_000

/**
 * Makes the tables of this month and the next two where they are missing; each is a record. A month
 * that can't be made now does not keep the others from it, and is tried again with the next call.
 */
export function addPartitions(store: Pick<Store, 'url'>): Promise<void> {
  return unhurried(store, { deadlineMs: DEADLINE_MS }, addMonths)
}

async function addMonths(store: Store): Promise<void> {
  const failures: unknown[] = []
  for (const ahead of MONTHS_AHEAD) {
    try {
      await store.change((tx) =>
        rows(
          tx,
          `select add_partitions(cast(date_trunc('month', now() at time zone 'UTC')
                                      + make_interval(months => :ahead) as date))`,
          { ahead },
        ),
      )
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures)
}
