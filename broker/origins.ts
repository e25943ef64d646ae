import { randomUUID } from 'node:crypto'
import { getOrganization } from '../db/people.ts'
import { systemOrigin, type Origin } from '../db/scope.ts'
import type { Session } from '../db/sessions.ts'
import type { Db } from '../db/store.ts'

/** What the broker does by itself to a session, in its organization's trail. */
export async function systemOriginOf(db: Db, session: Session): Promise<Origin> {
  return systemOrigin(await getOrganization(db, session.organizationId), randomUUID())
}
