import type { Request, RequestHandler, Response } from 'express'
import { getFactors } from '../../db/mfa-factors.ts'
import { getMfaPolicy } from '../../db/mfa-policy.ts'
import { changeMfa, resetMfa } from '../administration/mfa.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readMfaSettings } from '../forms/mfa.ts'
import { addressOf } from '../mfa/demand.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentMfaSettings, presentUserFactors } from '../presenters/mfa.ts'
import { mayAdminister, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { getChangeableUserIn } from '../user-address.ts'
import { visitOf } from '../visit.ts'
import { creation, form, type ShowForm } from './administration.ts'

const SETTINGS = '/settings/mfa'

/** What an organization asks for beside passwords. */
export function mfaSettingsPages(deps: PortalDeps) {
  const show: ShowForm = async (req, res, posted) => {
    const { organization } = visitOf(req).scope
    const [shell, policy] = await Promise.all([
      openShell(deps, req, 'Second factors', SETTINGS),
      getMfaPolicy(deps.store.db, organization.id),
    ])
    const facts = { policy, address: addressOf(req) ?? 'an unknown address' }
    await render(res, 'mfa/settings', presentMfaSettings(shell, facts, posted))
  }
  const change = creation(show, readMfaSettings, async (req, asked) => {
    const changer = { ...visitOf(req), address: addressOf(req) }
    const isChanged = await changeMfa(deps, changer, asked)
    await flash(req, 'ok', isChanged ? 'Saved. It holds from now on.' : 'Nothing was changed.')
    return SETTINGS
  })
  return { fresh: form(show), change }
}

/** What one user has, and taking it away where they lost it. */
export function userFactorPages(deps: PortalDeps) {
  const show: RequestHandler = (req, res) => {
    orNotFound(maySeeAdministration(visitOf(req).scope))
    return showUser(deps, req, res, UNPOSTED)
  }

  const reset: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    orNotFound(mayAdminister(visit.scope))
    const person = await getChangeableUserIn(req, deps)
    const body: unknown = req.body
    try {
      await resetMfa(deps, visit, { person, reason: fieldsOf(body).text('reason') })
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      return showUser(deps, req, res.status(422), { body, mistakes })
    }
    await flash(
      req,
      'ok',
      `${person.username} has no second factors any more and can add new ones.`,
    )
    res.redirect(303, `/users/${person.id}`)
  }

  /** Reloading the answer to a post lands here. */
  const back: RequestHandler = async (req, res) => {
    orNotFound(maySeeAdministration(visitOf(req).scope))
    const { id } = await getChangeableUserIn(req, deps)
    res.redirect(303, `/users/${id}/mfa`)
  }

  return { show, reset, back }
}

async function showUser(
  deps: PortalDeps,
  req: Request,
  res: Response,
  posted: Posted,
): Promise<void> {
  const { scope } = visitOf(req)
  const person = await getChangeableUserIn(req, deps)
  const [shell, factors] = await Promise.all([
    openShell(deps, req, `Second factors of ${person.username}`, '/users'),
    getFactors(deps.store.db, person.id),
  ])
  const mayReset = mayAdminister(scope) && person.id !== scope.person.id
  await render(res, 'mfa/user', presentUserFactors(shell, { person, factors, mayReset }, posted))
}
