import { listRoles, type Role } from '../db/roles.ts'
import type { Scope } from '../db/scope.ts'
import type { Db } from '../db/store.ts'

/** What a role is for, what makes it too powerful to lend, and how long it is usually lent. */
export type RoleFacts = Pick<Role, 'description' | 'dangers' | 'defaultMinutes'>

/** What the roles of the scope's organization are for, by their ids. */
export async function listDescriptions(
  db: Db,
  scope: Scope,
  dataSourceId?: string,
): Promise<ReadonlyMap<string, RoleFacts>> {
  const roles = await listRoles(db, scope, dataSourceId === undefined ? {} : { dataSourceId })
  return new Map(
    roles.map(({ id, description, dangers, defaultMinutes }) => [
      id,
      { description, dangers, defaultMinutes },
    ]),
  )
}
