import type { PortalDeps } from '../deps.ts'
import type { Route } from '../route.ts'
import { stepUpGuard } from './step-up.ts'

/**
 * What may take a fresh second factor, on one screen: by what the policy calls it, or, for one's own
 * factors and what goes around them, always where one has any.
 */
export const GUARDED: Readonly<Record<string, Parameters<ReturnType<typeof stepUpGuard>>[0]>> = {
  'post /sessions/:id/approval': 'approve',
  'post /sessions/:id/denial': 'approve',
  'post /extensions/:id/approval': 'approve',
  'post /extensions/:id/denial': 'approve',
  'post /sessions/:id/termination': 'terminate',
  'post /sessions/termination': 'terminate',
  'post /sign-ins/:id/termination': 'terminate',
  // these end sign-ins and sessions, too
  'post /users/:id/lock': 'terminate',
  'post /users/:id/disable': 'terminate',
  'post /users/:id/deletion': 'terminate',
  'post /applications/:id/lock': 'terminate',
  'post /applications/:id/deletion': 'terminate',
  'get /audit/download': 'download',
  'get /sessions/:id/statements/download': 'download',
  // tokens are asked for no factor, so making one is
  'post /account/tokens': 'factors',
  'post /applications/:id/tokens': 'factors',
  // a copied cookie of an admin's would switch off what it is asked for
  'post /settings/mfa': 'factors',
  'post /users/:id/mfa/reset': 'factors',
  // or make or become somebody who is asked for nothing
  'post /users': 'factors',
  'post /users/import/confirmation': 'factors',
  'post /users/:id': 'factors',
  'post /users/:id/flags': 'factors',
  'post /users/:id/groups': 'factors',
  'post /users/:id/password': 'factors',
  'post /users/:id/password-link': 'factors',
  'post /groups/:id/members': 'factors',
  'post /applications': 'factors',
  'post /applications/:id': 'factors',
  'get /account/mfa/totp': 'factors',
  'post /account/mfa/totp': 'factors',
  'post /account/mfa/totp/confirmation': 'factors',
  'post /account/mfa/totp/removal': 'factors',
  'post /account/mfa/passkeys': 'factors',
  'post /account/mfa/passkeys/challenge': 'factors',
  'post /account/mfa/passkeys/:id/removal': 'factors',
  'post /account/mfa/recovery-codes': 'factors',
}

/** The same routes, those of the table behind a second factor. */
export function guarded(deps: PortalDeps, routes: readonly Route[]): Route[] {
  const guard = stepUpGuard(deps)
  return routes.map((route) => {
    const what = GUARDED[`${route.method} ${route.path}`]
    return what === undefined ? route : { ...route, handle: guard(what, route.handle) }
  })
}
