import type { RequestHandler } from 'express'
import { lintDuties } from '../../broker/policy/duties.ts'
import { listPeople } from '../../db/people.ts'
import { listRoles } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import { countUsers, searchUsers } from '../../db/user-list.ts'
import { addUser } from '../administration/users.ts'
import type { PortalDeps } from '../deps.ts'
import { readUser } from '../forms/administration.ts'
import { readUserSearch, USERS_ON_A_PAGE } from '../forms/user-search.ts'
import { presentDuties, presentUsers } from '../presenters/user-list.ts'
import { presentFreshUser } from '../presenters/users.ts'
import { mayAudit, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'
import { creation, form, type ShowForm } from './administration.ts'

/** The Users tab: who there is, what each may do, who is out, and who holds duties that belong apart. */
export function userPages(deps: PortalDeps) {
  const { db } = deps.store

  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const { q, status, page: number } = readUserSearch(req.query, mayAudit(scope))
    const part = { q, status, limit: USERS_ON_A_PAGE, offset: (number - 1) * USERS_ON_A_PAGE }
    const [shell, people, counts, duties] = await Promise.all([
      openShell(deps, req, 'Users'),
      searchUsers(db, scope, part),
      countUsers(db, scope, q),
      readDuties(deps, scope),
    ])
    await render(
      res,
      'users/index',
      presentUsers(shell, scope, { people, counts, duties, search: { q, status, page: number } }),
    )
  }

  const duties: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const shell = await openShell(deps, req, 'Separation of duties')
    await render(res, 'users/duties', presentDuties(shell, await readDuties(deps, scope)))
  }

  const showForm: ShowForm = async (req, res, posted) => {
    const shell = await openShell(deps, req, 'Add a user')
    await render(res, 'users/fresh', presentFreshUser(shell, posted))
  }

  const create = creation(showForm, readUser, async (req, command) => {
    const person = await addUser(deps, visitOf(req), command)
    if (command.password === undefined && person.portalUser) {
      await flash(req, 'ok', `${person.username} was added without a password: invite the user.`)
      return `/users/${person.id}/password`
    }
    const may = person.portalUser ? ' and may sign in' : ''
    await flash(req, 'ok', `${person.username} was added${may}.`)
    return `/users/${person.id}`
  })

  return { index, duties, fresh: form(showForm), create }
}

/** What the check of duties finds among everyone of the scope. */
export async function readDuties({ store: { db } }: PortalDeps, scope: PersonScope) {
  const [people, roles] = await Promise.all([listPeople(db, scope), listRoles(db, scope)])
  return lintDuties({ people, roles })
}
