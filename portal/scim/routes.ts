import type { RequestHandler } from 'express'
import type { PortalDeps } from '../deps.ts'
import { get, type Route } from '../route.ts'
import { discovery } from './discovery.ts'
import { ScimError } from './errors.ts'
import { scimGroups } from './groups.ts'
import { scimUsers } from './users.ts'

/** What SCIM answers to an admin's token, under /scim/v2 (RFC 7644, 3.2). */
export function scimRoutes(deps: PortalDeps): readonly Route[] {
  const about = discovery(deps)
  return [
    get('/ServiceProviderConfig', about.config),
    get('/ResourceTypes', about.resourceTypes),
    get('/ResourceTypes/:id', about.resourceType),
    get('/Schemas', about.schemas),
    get('/Schemas/:id', about.schema),
    ...resource('/Users', scimUsers(deps)),
    ...resource('/Groups', scimGroups(deps)),
    get('/Me', notHere),
    { method: 'post', path: '/Bulk', handle: notHere },
  ]
}

type Handlers = Readonly<
  Record<'index' | 'show' | 'create' | 'replace' | 'patch' | 'destroy', RequestHandler>
>

function resource(path: string, handlers: Handlers): Route[] {
  const one = `${path}/:id`
  return [
    { method: 'get', path, handle: handlers.index },
    { method: 'post', path, handle: handlers.create },
    { method: 'get', path: one, handle: handlers.show },
    { method: 'put', path: one, handle: handlers.replace },
    { method: 'patch', path: one, handle: handlers.patch },
    { method: 'delete', path: one, handle: handlers.destroy },
  ]
}

/** RFC 7644, 3.11 and 3.7: what is not offered says so. */
const notHere: RequestHandler = () => {
  throw new ScimError(501, 'Daypass does not offer this: see /scim/v2/ServiceProviderConfig.')
}
