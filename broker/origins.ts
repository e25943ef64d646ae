import { randomUUID } from 'node:crypto'
import { getOrganization, type Organization } from '../db/people.ts'
import { systemOrigin, type Origin } from '../db/scope.ts'
import type { DataSource } from '../db/data-sources.ts'
import type { Session } from '../db/sessions.ts'
import type { Db } from '../db/store.ts'

/** What the broker does by itself to a session, in its organization's trail. */
export async function systemOriginOf(db: Db, session: Session): Promise<Origin> {
  return systemOrigin(await getOrganization(db, session.organizationId), randomUUID())
}

/** The same to several: an origin for each, so that what happened to each stands by itself. */
export async function systemOriginsOf(
  db: Db,
  sessions: readonly Session[],
): Promise<(session: Session) => Origin> {
  const organizations = new Map<string, Organization>()
  for (const id of new Set(sessions.map(({ organizationId }) => organizationId))) {
    organizations.set(id, await getOrganization(db, id))
  }
  return ({ organizationId }) => {
    const organization = organizations.get(organizationId)
    if (organization === undefined) throw new Error(`organization ${organizationId} was not asked`)
    return systemOrigin(organization, randomUUID())
  }
}

/** The same to a data source. */
export async function originOfDataSource(
  db: Db,
  { organizationId }: Pick<DataSource, 'organizationId'>,
): Promise<Origin> {
  return systemOrigin(await getOrganization(db, organizationId), randomUUID())
}
