import type { AuditRecord } from '../db/audit-record.ts'
import { listDisplayNames } from '../db/person-names.ts'
import type { Scope } from '../db/scope.ts'
import type { SessionRole } from '../db/sessions.ts'
import type { Db } from '../db/store.ts'
import type { Names } from './presenters/names.ts'

/** Whose names a page is about to show. */
interface Named {
  readonly roles?: readonly Pick<SessionRole, 'approverIds' | 'approvals'>[]
  readonly records?: readonly Pick<AuditRecord, 'body'>[]
  readonly ids?: readonly string[]
}

/** What those who decide, decided or acted are called; requesters bring their names along. */
export function readNames(
  db: Db,
  scope: Scope,
  { roles = [], records = [], ids = [] }: Named,
): Promise<Names> {
  return listDisplayNames(db, scope, [
    ...ids,
    ...roles.flatMap(({ approverIds, approvals }) => [
      ...approverIds,
      ...approvals.map(({ personId }) => personId),
    ]),
    ...records.map(({ body }) => body.actor.id),
  ])
}
