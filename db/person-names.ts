import { isUuid } from '../lib/ids.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { rows, type Db } from './store.ts'

/** What people of the scope's organization are called, by their ids; ids of nobody are left out. */
export async function listDisplayNames(
  db: Db,
  scope: Scope,
  ids: Iterable<string>,
): Promise<ReadonlyMap<string, string>> {
  const found = await rows<{ readonly id: string; readonly name: string }>(
    db,
    `select p.id, p.display_name as name
       from people p
      where p.id = any (cast(:ids as uuid[]))
        and p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)`,
    // what acts need not be a person, and then its id need not be a UUID
    { ids: [...new Set(ids)].filter(isUuid), organization: organizationIdOf(scope) },
  )
  return new Map(found.map(({ id, name }) => [id, name]))
}
