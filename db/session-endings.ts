import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import { rows, type Db } from './store.ts'

/** A session that ends soon, as its requester is reminded of it. */
export interface NearEnd {
  readonly id: SessionId
  readonly dataSource: string
  readonly end: DateTime<true>
  /** By the store's clock, when this was read. */
  readonly now: DateTime<true>
}

/** The open sessions of one person that end within so many minutes, the soonest first. */
export function listNearEnds(db: Db, personId: string, minutes: number): Promise<NearEnd[]> {
  return rows(
    db,
    `select s.id, d.name as "dataSource", s.end_at as "end", clock_timestamp() as now
       from sessions s
       join data_sources d on d.id = s.data_source_id
      where s.requester_id = :personId
        and s.state = 'GRANTED'
        and s.end_at > clock_timestamp()
        and s.end_at <= clock_timestamp() + make_interval(mins => :minutes)
      order by s.end_at, s.id`,
    { personId, minutes },
  )
}
