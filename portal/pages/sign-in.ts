import type { Request, RequestHandler } from 'express'
import { appendRecord } from '../../db/audit-log.ts'
import { getOrganization } from '../../db/people.ts'
import { noteSignIn } from '../../db/person-changes.ts'
import type { Origin } from '../../db/scope.ts'
import { storeTime } from '../../db/store.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { Attempts } from '../attempts.ts'
import { csrfTokenFor } from '../csrf.ts'
import type { PortalDeps } from '../deps.ts'
import { TooManyTries } from '../errors.ts'
import { recordFailedSignIn } from '../failed-sign-ins.ts'
import { localPath, readSignIn, type SignInForm } from '../forms/sign-in.ts'
import { render } from '../render.ts'
import { openShell } from '../shell.ts'
import type { SignIns } from '../sign-in.ts'
import { findVisit, originOf, visitOf } from '../visit.ts'

export interface SignInDeps extends PortalDeps {
  readonly signIns: SignIns
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
    const signInId = uuidv7()
    const origin: Origin = {
      ...originOf(req, await getOrganization(deps.store.db, person.organizationId)),
      actor: { type: person.kind, id: person.id, name: person.username },
      authMethod: 'password',
      signInId,
    }
    await record(deps, origin, 'auth.login')
    await noteSignIn(deps.store.db, person.id)
    await deps.signIns.start(req, person, signInId)
    res.redirect(303, form.next)
  }

  const destroy: RequestHandler = async (req, res) => {
    const { origin } = visitOf(req)
    await deps.signIns.end(req, res)
    await record(deps, origin, 'auth.logout')
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

async function record(
  { store }: PortalDeps,
  origin: Origin,
  action: 'auth.login' | 'auth.logout',
): Promise<void> {
  await store.change(async (tx) =>
    appendRecord(tx, origin, await storeTime(tx), { action, area: 'sign-in', outcome: 'ok' }),
  )
}
