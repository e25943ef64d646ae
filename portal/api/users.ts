import type { Request, RequestHandler } from 'express'
import type { z } from 'zod'
import { lintDuties } from '../../broker/policy/duties.ts'
import { findGroup, listGroups } from '../../db/groups.ts'
import { listPeople, type Person } from '../../db/people.ts'
import { listRoles } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import type { Db } from '../../db/store.ts'
import { searchUsers, USER_STATUSES } from '../../db/user-list.ts'
import { changeGroupsOf, changeUser } from '../administration/user-changes.ts'
import {
  deleteUser,
  disableUser,
  enableUser,
  lockUser,
  unlockUser,
} from '../administration/user-ends.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { readBody } from '../forms/body.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readConfirmation } from '../forms/user-change.ts'
import { dutyJson, personJson, userJson } from '../presenters/admin-json.ts'
import { mayAdminister, mayAudit, maySeeAdministration, orNotEntitled } from '../privileges.ts'
import { getChangeableUserIn, getUserIn } from '../user-address.ts'
import { visitOf, type Visit } from '../visit.ts'
import * as bodies from './user-bodies.ts'

/** An answer holds at most so many users. */
const PAGE_SIZE = 1000

/** Users as JSON: who there is, what each may do, and their way in. */
export function usersApi(deps: PortalDeps) {
  const { db } = deps.store
  return {
    index: reading(async (req) => {
      const { scope } = visitOf(req)
      const { q, status, page } = readSearch(req, scope)
      const part = { q, status, limit: PAGE_SIZE + 1, offset: (page - 1) * PAGE_SIZE }
      const found = await searchUsers(db, scope, part)
      return {
        users: found.slice(0, PAGE_SIZE).map(personJson),
        next: found.length > PAGE_SIZE ? String(page + 1) : null,
      }
    }),
    duties: reading(async (req) => {
      const { scope } = visitOf(req)
      return { duties: (await dutiesIn(db, scope)).map(dutyJson) }
    }),
    show: reading(async (req) => whole(db, visitOf(req).scope, await getUserIn(req, deps))),
    change: change(deps, bodies.userChangeBody, (visit, person, asked) =>
      changeUser(deps, visit, { person, change: asked }),
    ),
    group: change(deps, bodies.userGroupsBody, async (visit, person, { groups, policyVersion }) => {
      const groupIds = await idsOfGroups(db, visit.scope, groups)
      await changeGroupsOf(deps, { ...visit, version: policyVersion }, { person, groupIds })
      return person
    }),
    lock: change(deps, bodies.userReasonBody, (visit, person, { reason }) =>
      lockUser(deps, visit, { person, reason }),
    ),
    unlock: change(deps, bodies.userReasonBody, (visit, person, { reason }) =>
      unlockUser(deps, visit, { person, reason }),
    ),
    disable: change(deps, bodies.userDisableBody, (visit, person, { reason }) =>
      disableUser(deps, visit, { person, reason }),
    ),
    enable: change(deps, bodies.userReasonBody, (visit, person, { reason }) =>
      enableUser(deps, visit, { person, reason }),
    ),
    remove: change(deps, bodies.userDeletionBody, (visit, person, { confirmation, reason }) => {
      readConfirmation(confirmation, person)
      return deleteUser(deps, visit, { person, reason })
    }),
  }
}

type Answer = Record<string, unknown>

function reading(work: (req: Request) => Promise<Answer>): RequestHandler {
  return async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(maySeeAdministration(scope) || mayAudit(scope))
    res.json(await work(req))
  }
}

/** Admins alone change; the right is asked before the body is looked at. */
function change<Body>(
  deps: PortalDeps,
  schema: z.ZodType<Body>,
  work: (visit: Visit, person: Person, body: Body) => Promise<Person>,
): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    orNotEntitled(mayAdminister(visit.scope))
    const person = await getChangeableUserIn(req, deps)
    const changed = await work(visit, person, readBody(req, schema))
    res.json(await whole(deps.store.db, visit.scope, changed))
  }
}

async function whole(db: Db, scope: PersonScope, person: Person): Promise<Answer> {
  const [groups, duties] = await Promise.all([listGroups(db, scope), dutiesIn(db, scope)])
  return userJson(person, {
    groups: groups.filter(({ members }) => members.some(({ id }) => id === person.id)),
    duties: duties.filter((duty) => duty.person.id === person.id),
  })
}

async function dutiesIn(db: Db, scope: PersonScope) {
  const [people, roles] = await Promise.all([listPeople(db, scope), listRoles(db, scope)])
  return lintDuties({ people, roles })
}

async function idsOfGroups(
  db: Db,
  scope: PersonScope,
  names: readonly string[],
): Promise<readonly string[]> {
  const found = await Promise.all(names.map((name) => findGroup(db, scope, name)))
  const missing = names.find((_, place) => found[place] === undefined)
  if (missing !== undefined) throw new InvalidRequest({ groups: `There is no group ${missing}.` })
  return found.flatMap((group) => (group === undefined ? [] : [group.id]))
}

/** Errors: `invalid_request`, `not_entitled` for deleted users without the Audit User flag. */
function readSearch(req: Request, scope: PersonScope) {
  const fields = fieldsOf(req.query)
  const named = fields.text('status') || 'all'
  const status = USER_STATUSES.find((each) => each === named)
  if (status === undefined) {
    throw new InvalidRequest({ status: `Give status as one of: ${USER_STATUSES.join(', ')}.` })
  }
  if (status === 'deleted') orNotEntitled(mayAudit(scope))
  const cursor = fields.text('cursor')
  if (cursor !== '' && !/^[1-9]\d{0,4}$/.test(cursor)) {
    throw new InvalidRequest({ cursor: 'Give cursor as `next` of the page before had it.' })
  }
  return { q: fields.text('q').slice(0, 200), status, page: Number(cursor || '1') }
}
