import type { Request, RequestHandler, Response } from 'express'
import { findApplication, listApplications, type Application } from '../../db/applications.ts'
import { listTokensOf } from '../../db/token-lists.ts'
import {
  addApplication,
  alterApplication,
  lockApplication,
  removeApplication,
  unlockApplication,
} from '../administration/applications.ts'
import { addApplicationToken, type FreshToken } from '../administration/tokens.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readApplication, readApplicationChange, readToken } from '../forms/tokens.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import {
  noApplications,
  presentApplication,
  presentApplicationPage,
  presentFreshApplication,
} from '../presenters/applications.ts'
import { mayAdminister, mayAudit, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'
import { creation, form, type ShowForm } from './administration.ts'

/** Programs that work with Daypass: who answers for each, what it may do, its tokens. */
export function applicationPages(deps: PortalDeps) {
  const { db } = deps.store

  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeAdministration(scope))
    const [{ page, zones }, applications] = await Promise.all([
      openShell(deps, req, 'Applications'),
      listApplications(db, scope),
    ])
    const freshHref = mayAdminister(scope) ? '/applications/new' : undefined
    await render(res, 'applications/index', {
      page,
      rows: applications.map((application) => presentApplication(application, zones)),
      empty: noApplications(freshHref),
      freshHref,
      auditHref: deps.config.portal.mode && mayAudit(scope) ? '/audit/applications' : undefined,
    })
  }

  const showFresh: ShowForm = async (req, res, posted) => {
    const shell = await openShell(deps, req, 'Add an application')
    const { username } = visitOf(req).scope.person
    await render(res, 'applications/fresh', presentFreshApplication(shell, username, posted))
  }
  const create = creation(showFresh, readApplication, async (req, command) => {
    const application = await addApplication(deps, visitOf(req), command)
    await flash(req, 'ok', `${application.username} was added. Make its first token below.`)
    return `/applications/${application.id}`
  })

  return { index, fresh: form(showFresh), create, ...onePage(deps) }
}

interface Drawn {
  readonly terms?: Posted
  readonly token?: Posted
  readonly fresh?: FreshToken
}

function onePage(deps: PortalDeps) {
  const draw = async (req: Request, res: Response, drawn: Drawn): Promise<void> => {
    const { scope } = visitOf(req)
    const application = await getApplicationIn(req, deps)
    const [shell, tokens] = await Promise.all([
      openShell(deps, req, application.displayName),
      listTokensOf(deps.store.db, scope, application.id),
    ])
    const { terms = UNPOSTED, token = UNPOSTED, fresh } = drawn
    const may = mayAdminister(scope)
    const auditHref = deps.config.portal.mode && mayAudit(scope) ? auditOf(application) : undefined
    const facts = { application, tokens, may, auditHref, fresh, posted: { terms, token } }
    await render(res, 'applications/show', presentApplicationPage(shell, facts))
  }

  const show: RequestHandler = async (req, res) => {
    orNotFound(maySeeAdministration(visitOf(req).scope))
    await draw(req, res, {})
  }
  const showTerms: ShowForm = (req, res, terms) => draw(req, res, { terms })
  const change = creation(showTerms, readApplicationChange, async (req, asked) => {
    const id = uuidIn(req)
    const { username } = await alterApplication(deps, visitOf(req), { id, change: asked })
    await flash(req, 'ok', `${username} was changed.`)
    return `/applications/${id}`
  })

  /** The answer itself holds the secret, this once. */
  const createToken: RequestHandler = async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    const application = await getApplicationIn(req, deps)
    const body: unknown = req.body
    const reading = readToken(body)
    if (!reading.ok) {
      return draw(req, res.status(422), { token: { body, mistakes: reading.mistakes } })
    }
    const asked = { application, command: reading.value }
    await draw(req, res, { fresh: await addApplicationToken(deps, visitOf(req), asked) })
  }

  const ending = (end: typeof removeApplication, said: string): RequestHandler => {
    return async (req, res) => {
      const visit = visitOf(req)
      orNotFound(mayAdminister(visit.scope))
      const id = uuidIn(req)
      const reason = fieldsOf(req.body).text('reason')
      const asked = { id, reason: reason === '' ? undefined : reason }
      const { username } = await end(deps, visit, asked)
      await flash(req, 'ok', `${username} ${said}`)
      res.redirect(303, `/applications/${id}`)
    }
  }
  const lock = ending(lockApplication, 'is locked: its tokens stopped at once.')
  const unlock = ending(unlockApplication, 'may work again.')
  const remove = ending(removeApplication, 'has ended, and so have its tokens.')

  /** Reloading the answer to a post leads back. */
  const back: RequestHandler = (req, res) => {
    res.redirect(303, `/applications/${uuidIn(req)}`)
  }

  return { show, change, createToken, lock, unlock, remove, back }
}

function auditOf({ id }: Application): string {
  return `/audit/applications?application=${id}`
}

async function getApplicationIn(req: Request, { store }: PortalDeps): Promise<Application> {
  const application = await findApplication(store.db, visitOf(req).scope, uuidIn(req))
  if (application === undefined) throw new NotFound()
  return application
}
