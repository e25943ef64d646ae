import type { Request, RequestHandler, Response } from 'express'
import { listLastChecks } from '../../db/data-source-checks.ts'
import { listDataSources } from '../../db/data-sources.ts'
import { listGroups } from '../../db/groups.ts'
import { listPeople } from '../../db/people.ts'
import { listRoles } from '../../db/roles.ts'
import { addDataSource } from '../administration/data-sources.ts'
import { addRole } from '../administration/roles.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf } from '../errors.ts'
import { readDataSource, readRole } from '../forms/administration.ts'
import type { Reading } from '../forms/fields.ts'
import {
  presentDataSource,
  presentFreshDataSource,
  presentFreshRole,
  presentRole,
  UNPOSTED,
  type Posted,
} from '../presenters/administration.ts'
import { presentTested } from '../presenters/checks.ts'
import { noDataSources, noRoles } from '../presenters/first-steps.ts'
import { mayAdminister, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** Shows a form again with what was posted. */
export type ShowForm = (req: Request, res: Response, posted: Posted) => Promise<void>

/** The pages of data sources. */
export function dataSourcePages(deps: PortalDeps) {
  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const [shell, sources, roles, checks] = await Promise.all([
      openShell(deps, req, 'Data sources'),
      listDataSources(deps.store.db, scope),
      listRoles(deps.store.db, scope),
      listLastChecks(deps.store.db, scope),
    ])
    const reader = { zones: shell.zones, mayAsk: mayAdminister(scope), checks }
    const freshHref = mayAdminister(scope) ? '/data-sources/new' : undefined
    await render(res, 'data-sources/index', {
      page: shell.page,
      rows: sources.map((source) => ({
        ...presentDataSource(source, roles),
        policyHref: mayAdminister(scope) ? `/data-sources/${source.id}/policy` : undefined,
        ...presentTested({ dataSource: source, role: null }, reader),
      })),
      empty: noDataSources(freshHref && { href: freshHref, label: 'Add a data source' }),
      freshHref,
    })
  }
  const show: ShowForm = async (req, res, posted) => {
    const shell = await openShell(deps, req, 'Add a data source')
    await render(res, 'data-sources/fresh', presentFreshDataSource(shell, posted))
  }
  const create = creation(show, readDataSource, async (req, command) => {
    const { source, findings } = await addDataSource(deps, visitOf(req), command)
    const wrong = findings.filter(({ ok }) => !ok)
    const said = wrong.map(({ sentence, remedy }) =>
      remedy === undefined ? sentence : `${sentence} To mend it: ${remedy}`,
    )
    const test = wrong.length === 0 ? 'Its test found nothing to mend.' : said.join(' ')
    await flash(req, wrong.length === 0 ? 'ok' : 'error', `${source.name} was added. ${test}`)
    return '/data-sources'
  })
  return { index, fresh: form(show), create }
}

/** The pages of roles. */
export function rolePages(deps: PortalDeps) {
  const { db } = deps.store
  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const shell = await openShell(deps, req, 'Roles')
    const checks = await listLastChecks(db, scope)
    const reader = { zones: shell.zones, mayAsk: mayAdminister(scope), checks }
    const freshHref = mayAdminister(scope) ? '/roles/new' : undefined
    await render(res, 'roles/index', {
      page: shell.page,
      rows: (await listRoles(db, scope)).map((role) => ({
        ...presentRole(role),
        policyHref: mayAdminister(scope) ? `/roles/${role.id}/policy` : undefined,
        ...presentTested({ dataSource: role.dataSource, role }, reader),
      })),
      empty: noRoles(freshHref !== undefined, (await listDataSources(db, scope)).length > 0),
      freshHref,
    })
  }
  const show: ShowForm = async (req, res, posted) => {
    const { scope } = visitOf(req)
    const [shell, sources, groups, people, roles] = await Promise.all([
      openShell(deps, req, 'Add a role'),
      listDataSources(db, scope),
      listGroups(db, scope),
      listPeople(db, scope),
      listRoles(db, scope),
    ])
    const material = { sources, groups, people, roles }
    await render(res, 'roles/fresh', presentFreshRole(shell, material, posted))
  }
  const create = creation(show, readRole, async (req, command) => {
    const role = await addRole(deps, visitOf(req), command)
    await flash(req, 'ok', `${role.name} can be asked for on ${role.dataSource.name}.`)
    return '/roles'
  })
  return { index, fresh: form(show), create }
}

/** An empty form, for admins alone. */
export function form(show: ShowForm): RequestHandler {
  return async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    await show(req, res, UNPOSTED)
  }
}

/** Does what a form asks and goes where `make` says, or shows the form with what to mend. */
export function creation<T>(
  show: ShowForm,
  read: (body: unknown) => Reading<T>,
  make: (req: Request, command: T) => Promise<string>,
): RequestHandler {
  return async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    const body: unknown = req.body
    const reading = read(body)
    if (!reading.ok) return show(req, res.status(422), { body, mistakes: reading.mistakes })
    let next: string
    try {
      next = await make(req, reading.value)
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      return show(req, res.status(422), { body, mistakes })
    }
    res.redirect(303, next)
  }
}
