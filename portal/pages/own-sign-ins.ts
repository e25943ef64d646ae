import type { RequestHandler } from 'express'
import type { PortalDeps } from '../deps.ts'
import { endOwn, endOwnOthers, listOwn } from '../own-sign-ins.ts'
import { counted } from '../presenters/counted.ts'
import { presentOwnSignIns } from '../presenters/own-sign-ins.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** Where one is signed in oneself, and the end of what one does not use any more. */
export function ownSignInPages(deps: PortalDeps) {
  const index: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    const [shell, signIns] = await Promise.all([
      openShell(deps, req, 'Your sign-ins'),
      listOwn(deps, visit),
    ])
    await render(res, 'account/sign-ins', presentOwnSignIns(shell, signIns, visit.origin.signInId))
  }

  const terminate: RequestHandler = async (req, res) => {
    await endOwn(deps, visitOf(req), req.params['id'])
    await flash(req, 'ok', 'That sign-in has ended.')
    res.redirect(303, '/account/sign-ins')
  }

  const terminateOthers: RequestHandler = async (req, res) => {
    const count = await endOwnOthers(deps, visitOf(req))
    const verb = count === 1 ? 'has' : 'have'
    await flash(req, 'ok', `${counted(count, 'other sign-in')} ${verb} ended.`)
    res.redirect(303, '/account/sign-ins')
  }

  /** Reloading the answer to a post leads back. */
  const back: RequestHandler = (_req, res) => {
    res.redirect(303, '/account/sign-ins')
  }

  return { index, terminate, terminateOthers, back }
}
