import { rows, type Db } from './store.ts'

/** Makes the tables of this month and the next two where they are missing; each is a record. */
export async function addPartitions(db: Db): Promise<void> {
  await rows(
    db,
    `select add_partitions(cast(date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead) as date))
       from generate_series(0, 2) ahead`,
  )
}
