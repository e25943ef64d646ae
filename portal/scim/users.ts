import type { RequestHandler } from 'express'
import { listDirectory } from '../../db/directory.ts'
import { listGroups } from '../../db/groups.ts'
import type { PortalDeps } from '../deps.ts'
import { visitOf } from '../visit.ts'
import { readOperations } from './operations.ts'
import { idIn, sendList, sendResource } from './answers.ts'
import { readListQuery } from './query.ts'
import { directoryFilter } from './user-filter.ts'
import { userJson } from './user-json.ts'
import { patchUser } from './user-patch.ts'
import { readNewUser, readReplacement } from './user-wish.ts'
import { changeToWish, createUser, presented, removeUser } from './user-writes.ts'

/** /Users: the accounts of people, for the directory that provisions them (RFC 7644, 3). */
export function scimUsers(deps: PortalDeps) {
  const { db } = deps.store

  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    const { conditions, startIndex, count } = readListQuery(req)
    const filter = directoryFilter(conditions)
    const found =
      filter === undefined
        ? { people: [], total: 0 }
        : await listDirectory(db, scope, { filter, offset: startIndex - 1, limit: count })
    const groups = await listGroups(db, scope)
    const users = found.people.map((person) => userJson(deps.config.publicUrl, person, groups))
    sendList(req, res, { resources: users, startIndex, total: found.total })
  }
  const show: RequestHandler = async (req, res) => {
    sendResource(req, res, await presented(deps, db, { visit: visitOf(req), id: idIn(req) }))
  }
  const create: RequestHandler = async (req, res) => {
    const user = await createUser(deps, visitOf(req), readNewUser(req.body))
    sendResource(req, res.status(201), user)
  }
  const replace: RequestHandler = async (req, res) => {
    const wish = readReplacement(req.body)
    sendResource(req, res, await changeToWish(deps, req, { id: idIn(req), wishOf: () => wish }))
  }
  const patch: RequestHandler = async (req, res) => {
    const operations = readOperations(req.body)
    const id = idIn(req)
    const user = await changeToWish(deps, req, {
      id,
      wishOf: (person) => patchUser(person, operations),
    })
    sendResource(req, res, user)
  }
  const destroy: RequestHandler = async (req, res) => {
    await removeUser(deps, req, idIn(req))
    res.status(204).end()
  }
  return { index, show, create, replace, patch, destroy }
}
