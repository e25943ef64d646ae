import type { RequestHandler } from 'express'
import type { SignInStep } from './pending-sign-in.ts'
import { findVisit } from './visit.ts'

/** Where somebody changes a password that holds for one sign-in alone, before they are signed in. */
export const CHANGE_AT_SIGN_IN = '/sign-in/password'
const OWN_PASSWORD = '/account/password'
/** What is open before the password is changed. */
const OPEN_PATHS: ReadonlySet<string> = new Set([OWN_PASSWORD, '/sign-out'])

/** Whoever signed in with a password that was set for them chooses their own first. */
export const passwordChangeStep: SignInStep = {
  name: 'password_change',
  pathFor: (_deps, _req, { person, pending }) =>
    Promise.resolve(
      person.mustChangePassword && pending.authMethod === 'password'
        ? CHANGE_AT_SIGN_IN
        : undefined,
    ),
}

/** Leads who has to change their password since they signed in to its form, whatever they asked for. */
export const changePasswordFirst: RequestHandler = (req, res, next) => {
  const visit = findVisit(req)
  const isDue = visit?.scope.person.mustChangePassword === true
  if (isDue && visit.origin.authMethod === 'password' && !OPEN_PATHS.has(req.path)) {
    res.redirect(303, OWN_PASSWORD)
    return
  }
  next()
}
