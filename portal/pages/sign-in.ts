import type { Request, RequestHandler } from 'express'
import { endSignIn } from '../../db/sign-ins.ts'
import type { Attempts } from '../attempts.ts'
import { csrfTokenFor } from '../csrf.ts'
import type { PortalDeps } from '../deps.ts'
import { TooManyTries } from '../errors.ts'
import { recordFailedSignIn } from '../failed-sign-ins.ts'
import { localPath, readSignIn, type SignInForm } from '../forms/sign-in.ts'
import { render } from '../render.ts'
import { openShell } from '../shell.ts'
import { afterFirstFactor, type StepDeps } from '../sign-in-steps.ts'
import { findVisit, visitOf } from '../visit.ts'

export interface SignInDeps extends StepDeps {
  readonly attempts: Attempts
}

/** Signing in and out. */
export function signInPages(deps: SignInDeps) {
  const fresh: RequestHandler = async (req, res) => {
    const next = localPath(req.query['next'])
    if (findVisit(req) === undefined) await renderForm(deps, req, res, { username: '', next })
    else res.redirect(303, next)
  }

  const create: RequestHandler = async (req, res) => {
    const form = readSignIn(req.body)
    const address = req.ip ?? 'unknown'
    try {
      await deps.attempts.begin(address, form.username)
    } catch (error) {
      if (!(error instanceof TooManyTries)) throw error
      if (error.isFirst) await recordFailure(deps, req, form, { reason: error.message })
      res.status(429).set('retry-after', String(error.facts['retryAfter']))
      return renderForm(deps, req, res, { ...form, error: error.message })
    }
    const person = form.complete ? await deps.signIns.authenticate(req, res) : undefined
    if (person === undefined) {
      await recordFailure(deps, req, form)
      // a 401 has to name a scheme (RFC 9110, 15.5.2); browsers ignore the ones they don't know
      res.status(401).set('www-authenticate', 'Form')
      return renderForm(deps, req, res, { ...form, error: WRONG })
    }
    await deps.attempts.succeed(address, form.username)
    await afterFirstFactor(deps, req, res, { person, authMethod: 'password', next: form.next })
  }

  const destroy: RequestHandler = async (req, res) => {
    const { origin } = visitOf(req)
    const { signInId: id } = origin
    if (id !== undefined) {
      await deps.store.change((tx) => endSignIn(tx, origin, { id, as: 'signed_out' }))
    }
    await deps.signIns.end(req, res)
    res.redirect(303, '/sign-in')
  }

  return { fresh, create, destroy }
}

/** Says the same for a name nobody has, a wrong password and a locked account. */
const WRONG = 'Username and password do not fit. Check both and try again.'

async function renderForm(
  deps: PortalDeps,
  req: Request,
  res: Parameters<RequestHandler>[1],
  form: { readonly username: string; readonly next: string; readonly error?: string },
): Promise<void> {
  const { page } = await openShell(deps, req, 'Sign in')
  const accounts = deps.config.demo ? (deps.demoAccounts ?? []) : []
  await render(res, 'sign-in/fresh', {
    page: { ...page, csrfToken: csrfTokenFor(req) },
    username: form.username,
    next: form.next,
    error: form.error,
    demo: accounts.length > 0 ? { accounts } : undefined,
  })
}

function recordFailure(
  deps: PortalDeps,
  req: Request,
  { username, shownUsername: shown }: SignInForm,
  more: { readonly reason?: string } = {},
): Promise<void> {
  return recordFailedSignIn(deps, req, { method: 'password', username, shown, ...more })
}
