import type { Request, RequestHandler } from 'express'
import { listDataSources } from '../../db/data-sources.ts'
import { listGroups } from '../../db/groups.ts'
import { listRoles } from '../../db/roles.ts'
import { addDataSource } from '../administration/data-sources.ts'
import { addGroup } from '../administration/groups.ts'
import { addRole } from '../administration/roles.ts'
import { addUser } from '../administration/users.ts'
import type { PortalDeps } from '../deps.ts'
import { readBody } from '../forms/body.ts'
import { dataSourceJson, groupJson, personJson, roleJson } from '../presenters/admin-json.ts'
import { isoOrNull } from '../presenters/session-json.ts'
import { mayAdminister, mayAudit, maySeeAdministration, orNotEntitled } from '../privileges.ts'
import { visitOf, type Visit } from '../visit.ts'
import { dataSourceBody, groupBody, roleBody, userBody } from './bodies.ts'

/** Data sources, roles, groups and people as JSON, and who is asking. */
export function administrationApi(deps: PortalDeps) {
  const { db } = deps.store

  const me: RequestHandler = (req, res) => {
    const { scope, token } = visitOf(req)
    const { person, organization } = scope
    const { scopes = [], expiresAt = null } = token ?? {}
    const reach = { scopes, tokenExpiresAt: isoOrNull(expiresAt) }
    res.json({ ...personJson(person), organization: organization.name, ...reach })
  }
  // everyone who may ask needs the names of what there is to ask for
  const dataSources: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    const found = await listDataSources(db, scope)
    res.json({ dataSources: found.map((source) => dataSourceJson(source, scope)) })
  }
  const roles: RequestHandler = async (req, res) => {
    res.json({ roles: (await listRoles(db, visitOf(req).scope)).map(roleJson) })
  }
  const groups: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(maySeeAdministration(scope) || mayAudit(scope))
    res.json({ groups: (await listGroups(db, scope)).map(groupJson) })
  }

  return {
    me,
    dataSources,
    roles,
    groups,
    createDataSource: creation(async (req, visit) => {
      const { source, findings } = await addDataSource(deps, visit, readBody(req, dataSourceBody))
      return { ...dataSourceJson(source, visit.scope), findings }
    }),
    createRole: creation(async (req, visit) =>
      roleJson(await addRole(deps, visit, readBody(req, roleBody))),
    ),
    createGroup: creation(async (req, visit) =>
      groupJson(await addGroup(deps, visit, readBody(req, groupBody))),
    ),
    createUser: creation(async (req, visit) =>
      personJson(await addUser(deps, visit, readBody(req, userBody))),
    ),
  }
}

/** Admins alone create; the right is asked before the body is looked at. */
function creation(
  work: (req: Request, visit: Visit) => Promise<Record<string, unknown>>,
): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    orNotEntitled(mayAdminister(visit.scope))
    res.status(201).json(await work(req, visit))
  }
}
