import type { Request, RequestHandler } from 'express'
import { changeGroupTerms } from '../../broker/policy/changes.ts'
import { createGroup, findGroup, listGroups, type Group } from '../../db/groups.ts'
import { listPeople } from '../../db/people.ts'
import { findCurrentVersion, lockPolicy } from '../../db/policy-versions.ts'
import { isUuid } from '../../lib/ids.ts'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { visitOf } from '../visit.ts'
import { idIn, sendList, sendResource } from './answers.ts'
import { ScimError } from './errors.ts'
import { groupFilter } from './group-filter.ts'
import { groupJson } from './group-json.ts'
import { patchGroup, readGroupBody, type GroupWish } from './group-wish.ts'
import { usernamesOf } from './members.ts'
import { readOperations } from './operations.ts'
import { mustMatch } from './preconditions.ts'
import { readListQuery } from './query.ts'
import { unique } from './uniqueness.ts'

/** Others may change the policy while a directory's change of a group is worked out. */
const TRIES = 20

/** /Groups: approver groups, whose members a directory may name (RFC 7644, 3). */
export function scimGroups(deps: PortalDeps) {
  const { store, config } = deps
  const json = (group: Group) => groupJson(config.publicUrl, group)

  const index: RequestHandler = async (req, res) => {
    const { conditions, startIndex, count } = readListQuery(req)
    const fits = groupFilter(conditions)
    const found = (await listGroups(store.db, visitOf(req).scope)).filter(fits)
    const page = found.slice(startIndex - 1, startIndex - 1 + count)
    sendList(req, res, { resources: page.map(json), startIndex, total: found.length })
  }
  const show: RequestHandler = async (req, res) => {
    sendResource(req, res, json(await getGroup(deps, req)))
  }
  const create: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const { displayName, memberIds } = readGroupBody(req.body)
    const group = await unique(
      store.change(async (tx) => {
        await lockPolicy(tx, scope.organization.id)
        usernamesOf(memberIds, await listPeople(tx, scope))
        return createGroup(tx, origin, { name: displayName, memberIds: [...memberIds] })
      }),
    )
    sendResource(req, res.status(201), json(group))
  }
  const replace: RequestHandler = async (req, res) => {
    const wish = readGroupBody(req.body)
    sendResource(req, res, json(await change(deps, req, () => wish)))
  }
  const patch: RequestHandler = async (req, res) => {
    const operations = readOperations(req.body)
    const group = await change(deps, req, (before) => patchGroup(before, operations))
    sendResource(req, res, json(group))
  }
  const destroy: RequestHandler = async (req) => {
    await getGroup(deps, req)
    throw new ScimError(
      501,
      'Groups of Daypass are not deleted, since roles and records name them: remove its members instead.',
    )
  }
  return { index, show, create, replace, patch, destroy }
}

async function getGroup({ store }: PortalDeps, req: Request): Promise<Group> {
  const id = idIn(req)
  const group = isUuid(id) ? await findGroup(store.db, visitOf(req).scope, id) : undefined
  if (group?.id === id) return group
  throw new ScimError(404, 'There is no such group.')
}

/** Works out a change of a group and makes it, again where the policy moved on in between. */
async function change(
  deps: PortalDeps,
  req: Request,
  wishOf: (group: Group) => GroupWish,
): Promise<Group> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await changeOnce(deps, req, wishOf)
    } catch (error) {
      const isStale = error instanceof AppError && error.code === 'state_changed'
      if (!isStale || tried === TRIES) throw error
    }
  }
}

async function changeOnce(
  deps: PortalDeps,
  req: Request,
  wishOf: (group: Group) => GroupWish,
): Promise<Group> {
  const { store, config } = deps
  const visit = visitOf(req)
  // the version first: a change after it makes what is read here stale, never fresh
  const current = await findCurrentVersion(store.db, visit.scope.organization.id)
  const group = await getGroup(deps, req)
  mustMatch(req, groupJson(config.publicUrl, group))
  const { displayName, memberIds } = wishOf(group)
  const people = await listPeople(store.db, visit.scope)
  const before = new Set(group.members.map(({ id }) => id))
  const by = { ...visit, version: current?.version ?? 0 }
  const asked = {
    name: displayName,
    added: usernamesOf(
      [...memberIds].filter((id) => !before.has(id)),
      people,
    ),
    removed: group.members.filter(({ id }) => !memberIds.has(id)).map(({ username }) => username),
  }
  return unique(changeGroupTerms(store, by, { id: group.id, asked }))
}
