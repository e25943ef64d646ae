import type { RequestHandler } from 'express'
import { findApplication, listApplications, type Application } from '../../db/applications.ts'
import { listTokensOf } from '../../db/token-lists.ts'
import {
  addApplication,
  alterApplication,
  lockApplication,
  removeApplication,
  unlockApplication,
} from '../administration/applications.ts'
import { addApplicationToken, addOwnToken, removeToken } from '../administration/tokens.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { readBody } from '../forms/body.ts'
import { applicationJson, freshTokenJson, tokenJson } from '../presenters/token-json.ts'
import { mayAdminister, mayOversee, orNotEntitled } from '../privileges.ts'
import { getUserIn } from '../user-address.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf, type Visit } from '../visit.ts'
import * as bodies from './token-bodies.ts'

type Handle = (req: Parameters<RequestHandler>[0], visit: Visit) => Promise<object>

/** Tokens as JSON: one's own, and a user's for who oversees them. */
export function tokensApi(deps: PortalDeps) {
  const { db } = deps.store
  const listOf = async (visit: Visit, personId: string): Promise<object> => ({
    tokens: (await listTokensOf(db, visit.scope, personId)).map(tokenJson),
  })
  return {
    index: answering((_req, visit) => listOf(visit, visit.scope.person.id)),
    create: answering(
      async (req, visit) =>
        freshTokenJson(await addOwnToken(deps, visit, readBody(req, bodies.tokenBody))),
      201,
    ),
    remove: answering(async (req, visit) => {
      const { reason } = readBody(req, bodies.tokenEndBody)
      return tokenJson(await removeToken(deps, visit, { id: uuidIn(req), reason }))
    }),
    ofUser: overseeing(async (req, visit) => listOf(visit, (await getUserIn(req, deps)).id)),
    ofApplication: overseeing(async (req, visit) => {
      const { id } = await getApplicationIn(deps, visit, uuidIn(req))
      return listOf(visit, id)
    }),
  }
}

/** Applications as JSON. */
export function applicationsApi(deps: PortalDeps) {
  const { db } = deps.store
  return {
    index: overseeing(async (_req, { scope }) => ({
      applications: (await listApplications(db, scope)).map(applicationJson),
    })),
    show: overseeing(async (req, visit) =>
      applicationJson(await getApplicationIn(deps, visit, uuidIn(req))),
    ),
    create: administering(async (req, visit) => {
      const command = readBody(req, bodies.applicationBody)
      return applicationJson(await addApplication(deps, visit, command))
    }, 201),
    change: administering(async (req, visit) => {
      const change = readBody(req, bodies.applicationChangeBody)
      return applicationJson(await alterApplication(deps, visit, { id: uuidIn(req), change }))
    }),
    createToken: administering(async (req, visit) => {
      const command = readBody(req, bodies.tokenBody)
      const application = await getApplicationIn(deps, visit, uuidIn(req))
      return freshTokenJson(await addApplicationToken(deps, visit, { application, command }))
    }, 201),
    lock: ending(deps, lockApplication),
    unlock: ending(deps, unlockApplication),
    remove: ending(deps, removeApplication),
  }
}

function ending(deps: PortalDeps, end: typeof removeApplication): RequestHandler {
  return administering(async (req, visit) => {
    const { reason } = readBody(req, bodies.applicationEndBody)
    return applicationJson(await end(deps, visit, { id: uuidIn(req), reason }))
  })
}

async function getApplicationIn(
  { store }: PortalDeps,
  { scope }: Visit,
  id: string,
): Promise<Application> {
  const application = await findApplication(store.db, scope, id)
  if (application === undefined) throw new NotFound()
  return application
}

function answering(work: Handle, status = 200): RequestHandler {
  return async (req, res) => {
    res.status(status).json(await work(req, visitOf(req)))
  }
}

function overseeing(work: Handle): RequestHandler {
  return answering((req, visit) => {
    orNotEntitled(mayOversee(visit.scope))
    return work(req, visit)
  })
}

function administering(work: Handle, status = 200): RequestHandler {
  return answering((req, visit) => {
    orNotEntitled(mayAdminister(visit.scope))
    return work(req, visit)
  }, status)
}
