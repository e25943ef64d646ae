import { listRoles } from '../db/roles.ts'
import type { Scope } from '../db/scope.ts'
import type { Db } from '../db/store.ts'

/** What the roles of the scope's organization are for, by their ids. */
export async function listDescriptions(
  db: Db,
  scope: Scope,
  dataSourceId?: string,
): Promise<ReadonlyMap<string, string>> {
  const roles = await listRoles(db, scope, dataSourceId === undefined ? {} : { dataSourceId })
  return new Map(roles.map(({ id, description }) => [id, description]))
}
