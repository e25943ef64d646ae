import type { Request } from 'express'
import { askForCheck, findCheck, type DataSourceCheck } from '../db/data-source-checks.ts'
import { findDataSource } from '../db/data-sources.ts'
import { findRole } from '../db/roles.ts'
import { isUuid } from '../lib/ids.ts'
import type { PortalDeps } from './deps.ts'
import { NotFound } from './errors.ts'
import { uuidIn } from './uuid-address.ts'
import { visitOf, type Visit } from './visit.ts'

/** Asks a broker to test a data source, by name or id. Errors: `not_found`. */
export async function askSourceCheck(
  { store }: PortalDeps,
  { scope }: Visit,
  nameOrId: string,
): Promise<DataSourceCheck> {
  return store.change(async (tx) => {
    const source = await findDataSource(tx, scope, nameOrId)
    if (source === undefined) throw new NotFound()
    const askedBy = scope.person.username
    const id = await askForCheck(tx, { dataSourceId: source.id, cause: 'asked', askedBy })
    return foundOr(await findCheck(tx, scope, id))
  })
}

/** Asks a broker to test a role of a data source. Errors: `not_found`. */
export async function askRoleCheck(
  { store }: PortalDeps,
  { scope }: Visit,
  id: string,
): Promise<DataSourceCheck> {
  return store.change(async (tx) => {
    const role = isUuid(id) ? await findRole(tx, scope, id) : undefined
    if (role === undefined) throw new NotFound()
    const subject = { dataSourceId: role.dataSource.id, roleId: role.id }
    const askedBy = scope.person.username
    return foundOr(
      await findCheck(tx, scope, await askForCheck(tx, { ...subject, cause: 'asked', askedBy })),
    )
  })
}

/** The check in a request's address. Errors: `not_found`. */
export async function getCheckIn(req: Request, { store }: PortalDeps): Promise<DataSourceCheck> {
  return foundOr(await findCheck(store.db, visitOf(req).scope, uuidIn(req)))
}

function foundOr(check: DataSourceCheck | undefined): DataSourceCheck {
  if (check === undefined) throw new NotFound()
  return check
}
