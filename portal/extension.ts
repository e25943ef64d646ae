import type { Request } from 'express'
import {
  findExtension,
  findExtensionJob,
  listDecidableExtensions,
  listExtensions,
  type Extension,
} from '../db/extensions.ts'
import { listRoles, type Role } from '../db/roles.ts'
import type { PersonScope } from '../db/scope.ts'
import { listSessions, type Session } from '../db/sessions.ts'
import type { PortalDeps } from './deps.ts'
import { NotFound } from './errors.ts'
import { visitOf } from './visit.ts'

/** The extensions of a session, and what the page that shows them says beside. */
export interface SessionExtensions {
  readonly extensions: readonly Extension[]
  /** The session's roles as the policy has them today. */
  readonly roles: readonly Role[]
  /** Present while the data source has not been told of a moved end. */
  readonly job: { readonly detail: string | null } | undefined
}

/** Reads what the page of a session says of more time. */
export async function readExtensions(
  { store }: PortalDeps,
  req: Request,
  session: Session,
): Promise<SessionExtensions> {
  const { scope } = visitOf(req)
  const [extensions, roles, job] = await Promise.all([
    listExtensions(store.db, scope, session.id),
    listRoles(store.db, scope, { dataSourceId: session.dataSource.id }),
    findExtensionJob(store.db, session.id),
  ])
  return {
    extensions,
    roles: roles.filter(({ id }) => session.roles.some((r) => r.id === id)),
    job,
  }
}

/** Extensions that wait for this person, each with its session. */
export async function listWaitingExtensions(
  { store }: PortalDeps,
  scope: PersonScope,
  limit: number,
): Promise<{ extension: Extension; session: Session }[]> {
  const extensions = await listDecidableExtensions(store.db, scope, limit)
  if (extensions.length === 0) return []
  const ids = extensions.map(({ sessionId }) => sessionId)
  const sessions = await listSessions(store.db, scope, { ids, showHidden: true, limit })
  return extensions.flatMap((extension) => {
    const session = sessions.find(({ id }) => id === extension.sessionId)
    return session === undefined ? [] : [{ extension, session }]
  })
}

/** The extension in the address, where this person may see it. Errors: `not_found`. */
export async function getExtensionIn(req: Request, { store }: PortalDeps): Promise<Extension> {
  const extension = await findExtension(store.db, visitOf(req).scope, extensionIdIn(req))
  if (extension === undefined) throw new NotFound()
  return extension
}

/** The id of the extension in the address; whether there is one is for the store to say. */
export function extensionIdIn(req: Request): string {
  const text = req.params['id']
  return typeof text === 'string' ? text : ''
}
