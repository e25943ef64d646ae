import type { DateTime } from 'luxon'
import type { SessionId } from '../lib/ids.ts'
import type { Scope } from './scope.ts'
import { readerOf, VISIBLE } from './session-visibility.ts'
import { rows, type Db } from './store.ts'

export interface Credential {
  readonly id: string
  readonly madeAt: DateTime<true>
  readonly endedAt: DateTime<true> | null
}

/** When client secrets of one session were made and ended, newest first; never the secrets. */
export async function listCredentials(db: Db, scope: Scope, id: SessionId): Promise<Credential[]> {
  return rows(
    db,
    `select c.id, c.made_at as "madeAt", c.ended_at as "endedAt"
       from session_credentials c
       join sessions s on s.id = c.session_id
      where ${VISIBLE}
        and s.id = :id
      order by c.made_at desc, c.id`,
    { ...readerOf(scope), id },
  )
}
