import type { Request, RequestHandler } from 'express'
import { changeGroupTerms, type AskedGroup } from '../../broker/policy/changes.ts'
import { readPolicy } from '../../broker/policy/reading.ts'
import { findGroup, listGroups, type Group } from '../../db/groups.ts'
import { listPeople } from '../../db/people.ts'
import { listRoles } from '../../db/roles.ts'
import { findCurrentVersion } from '../../db/policy-versions.ts'
import { AppError } from '../../lib/errors.ts'
import { addGroup } from '../administration/groups.ts'
import { named } from '../administration/rules.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readGroup } from '../forms/policy.ts'
import {
  presentFreshGroup,
  presentGroup,
  presentGroupDefinition,
  presentGroupRow,
} from '../presenters/groups.ts'
import { mayAdminister, maySeeAdministration, orNotFound } from '../privileges.ts'
import { noGroups } from '../presenters/first-steps.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'
import { creation, form, type ShowForm } from './administration.ts'
import { changerIn, policyChange } from './policy-form.ts'

/** Approver groups: who is told of a request and may decide it. */
export function groupPages(deps: PortalDeps) {
  const { db } = deps.store
  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const [{ page }, groups, roles] = await Promise.all([
      openShell(deps, req, 'Groups'),
      listGroups(db, scope),
      listRoles(db, scope),
    ])
    const freshHref = mayAdminister(scope) ? '/groups/new' : undefined
    await render(res, 'groups/index', {
      page,
      rows: groups.map((group) => presentGroupRow(group, roles)),
      empty: noGroups(freshHref && { href: freshHref, label: 'Add a group' }),
      freshHref,
    })
  }
  const show: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const group = await getGroupIn(req, deps)
    const [shell, policy, people] = await Promise.all([
      openShell(deps, req, `Group ${group.name}`),
      readPolicy(db, scope),
      listPeople(db, scope),
    ])
    await render(res, 'groups/show', presentGroup(shell, scope, { group, policy, people }))
  }
  const showFresh: ShowForm = async (req, res, posted) => {
    const shell = await openShell(deps, req, 'Add a group')
    const people = await listPeople(db, visitOf(req).scope)
    await render(res, 'groups/fresh', presentFreshGroup(shell, people, posted))
  }
  const create = creation(showFresh, readGroup, async (req, command) => {
    const group = await addGroup(deps, visitOf(req), command)
    await flash(req, 'ok', `${group.name} was added. Roles can be approved by it.`)
    return `/groups/${group.id}`
  })
  return { index, show, fresh: form(showFresh), create, ...changes(deps) }
}

function changes(deps: PortalDeps) {
  const showDefinition: ShowForm = async (req, res, posted) => {
    // the version first: a change of the group after it makes the form stale, never fresh
    const current = await findCurrentVersion(deps.store.db, visitOf(req).scope.organization.id)
    const group = await getGroupIn(req, deps)
    const shell = await openShell(deps, req, `Change group ${group.name}`)
    const material = { group, version: current?.version ?? 0 }
    await render(res, 'groups/fresh', presentGroupDefinition(shell, material, posted))
  }
  return {
    definition: form(showDefinition),
    define: policyChange({
      show: showDefinition,
      read: readGroup,
      make: async (req, by, { name, description }) => {
        const id = uuidIn(req)
        await named(changeGroupTerms(deps.store, by, { id, asked: { name, description } }))
        await flash(req, 'ok', 'The group was changed.')
        return `/groups/${id}`
      },
    }),
    add: membership(deps, (added) => ({ added })),
    remove: membership(deps, (removed) => ({ removed })),
    back: ((req, res) => {
      res.redirect(303, `/groups/${uuidIn(req)}`)
    }) satisfies RequestHandler,
  }
}

/** Members come and go by a button each; what goes wrong is told on the group's page. */
function membership(
  { store }: PortalDeps,
  askedOf: (usernames: readonly string[]) => AskedGroup,
): RequestHandler {
  return async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    const id = uuidIn(req)
    const usernames = fieldsOf(req.body).list('members')
    try {
      if (usernames.length === 0) throw new InvalidRequest({ members: 'Tick somebody first.' })
      await changeGroupTerms(store, changerIn(req), { id, asked: askedOf(usernames) })
      await flash(req, 'ok', 'The members were changed. Votes count by who is a member today.')
    } catch (error) {
      if (!(error instanceof AppError) || !TOLD.has(error.code)) throw error
      await flash(req, 'error', error.message)
    }
    res.redirect(303, `/groups/${id}`)
  }
}

const TOLD = new Set(['invalid_request', 'state_changed'])

async function getGroupIn(req: Request, { store }: PortalDeps): Promise<Group> {
  const id = uuidIn(req)
  const group = await findGroup(store.db, visitOf(req).scope, id)
  if (group?.id !== id) throw new NotFound()
  return group
}
