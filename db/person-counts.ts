import { getRow, type Db } from './store.ts'

/** What ends with a person's account: API tokens that work, and requests and sessions not yet over. */
export function countOfPerson(
  db: Db,
  personId: string,
): Promise<{ readonly tokens: number; readonly sessions: number }> {
  return getRow(
    db,
    `select (select cast(count(*) as integer)
               from tokens
              where person_id = :personId
                and ended_at is null) as tokens,
            (select cast(count(*) as integer)
               from sessions
              where requester_id = :personId
                and state in ('CREATED', 'APPROVED', 'GRANTED')) as sessions`,
    { personId },
  )
}
