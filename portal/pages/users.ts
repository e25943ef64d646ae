import type { Request, RequestHandler } from 'express'
import { listGroups } from '../../db/groups.ts'
import { findPerson, listPeople, type Person } from '../../db/people.ts'
import { changeFlags, listLastSignIns, lockPerson, unlockPerson } from '../../db/person-changes.ts'
import { isUuid } from '../../lib/ids.ts'
import { addUser } from '../administration/users.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { readFlags, readUser } from '../forms/administration.ts'
import { fieldsOf } from '../forms/fields.ts'
import { flagChoices, presentFreshUser, presentUser } from '../presenters/administration.ts'
import { NOBODY_LOCKED } from '../presenters/first-steps.ts'
import { presentMoment } from '../presenters/moments.ts'
import type { Action } from '../presenters/pieces.ts'
import { visible } from '../presenters/visible.ts'
import { mayAdminister, mayAudit, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'
import { creation, form, type ShowForm } from './administration.ts'

/** The Users tab: who there is, what each may do, who is locked out. */
export function userPages(deps: PortalDeps) {
  const { store } = deps

  const showForm: ShowForm = async (req, res, posted) => {
    const shell = await openShell(deps, req, 'Add a user')
    await render(res, 'users/fresh', presentFreshUser(shell, posted))
  }

  const create = creation(showForm, readUser, async (req, command) => {
    const person = await addUser(deps, visitOf(req), command)
    await flash(req, 'ok', `${person.username} was added and may sign in.`)
    return `/users/${person.id}`
  })

  return {
    index: list(deps),
    show: profile(deps),
    fresh: form(showForm),
    create,
    flag: change(deps, async (req, person) => {
      const flags = readFlags(req.body)
      const { origin } = visitOf(req)
      await store.change((tx) => changeFlags(tx, origin, { person, flags }))
      return `What ${person.username} may do was changed.`
    }),
    lock: change(deps, async (req, { id, username }) => {
      await store.change((tx) => lockPerson(tx, visitOf(req).origin, id))
      return `${username} is locked: sign-ins and tokens stopped working at once.`
    }),
    unlock: change(deps, async (req, { id, username }) => {
      await store.change((tx) => unlockPerson(tx, visitOf(req).origin, id))
      return `${username} may sign in again.`
    }),
  }
}

/** Everyone, or those who are locked out. */
function list(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const locked = fieldsOf(req.query).text('status') === 'locked'
    const [{ page, zones }, people, signIns] = await Promise.all([
      openShell(deps, req, 'Users'),
      listPeople(store.db, scope),
      listLastSignIns(store.db, scope),
    ])
    await render(res, 'users/index', {
      page,
      rows: people
        .filter(({ disabledAt }) => !locked || disabledAt !== null)
        .map((person) => presentUser(person, { zones, lastSignIn: signIns.get(person.id) })),
      empty: NOBODY_LOCKED,
      views: [
        { href: '/users', label: 'All', current: !locked },
        { href: '/users?status=locked', label: 'Locked', current: locked },
      ],
      freshHref: mayAdminister(scope) ? '/users/new' : undefined,
    })
  }
}

function profile(deps: PortalDeps): RequestHandler {
  const { store } = deps
  return async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const person = await getPersonIn(req, deps)
    const [{ page, zones }, groups, signIns] = await Promise.all([
      openShell(deps, req, person.displayName),
      listGroups(store.db, scope),
      listLastSignIns(store.db, scope),
    ])
    const may = mayAdminister(scope) && person.id !== scope.person.id
    await render(res, 'users/show', {
      page,
      user: presentUser(person, { zones, lastSignIn: signIns.get(person.id) }),
      facts: [{ name: 'Added', value: presentMoment(person.createdAt, zones).text }],
      flagsForm: may
        ? { href: `/users/${person.id}/flags`, flags: flagChoices(tickedOf(person)) }
        : undefined,
      groups: groups
        .filter(({ members }) => members.some(({ id }) => id === person.id))
        .map(({ name }) => visible(name)),
      actions: may ? [lockingOf(person)] : [],
      auditHref: mayAudit(scope)
        ? `/audit?view=all&actor=${encodeURIComponent(person.username)}`
        : undefined,
      links: [],
    })
  }
}

/** A change of another person by an admin; nobody can lock or promote themselves. */
function change(
  deps: PortalDeps,
  work: (req: Request, person: Person) => Promise<string>,
): RequestHandler {
  return async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(mayAdminister(scope))
    const person = await getPersonIn(req, deps)
    if (person.id === scope.person.id) {
      throw new InvalidRequest({
        flags: 'Ask another admin: nobody changes their own account here.',
      })
    }
    await flash(req, 'ok', await work(req, person))
    res.redirect(303, `/users/${person.id}`)
  }
}

async function getPersonIn(req: Request, { store }: PortalDeps): Promise<Person> {
  const id = req.params['id']
  const known = typeof id === 'string' && isUuid(id)
  const person = known ? await findPerson(store.db, visitOf(req).scope, id) : undefined
  if (person === undefined) throw new NotFound()
  return person
}

function tickedOf({ auditUser, managementPrivilege }: Person): string[] {
  return [
    ...(managementPrivilege === 'none' ? [] : [managementPrivilege]),
    ...(auditUser ? ['audit'] : []),
  ]
}

function lockingOf({ id, disabledAt }: Person): Action {
  return disabledAt === null
    ? { href: `/users/${id}/lock`, label: 'Lock', tone: 'danger' }
    : { href: `/users/${id}/unlock`, label: 'Unlock', tone: 'plain' }
}
