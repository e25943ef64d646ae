import type { Place, Places } from './place.ts'
import { PLACES_OF_ADMINISTRATION } from './places-of-administration.ts'
import { PLACES_OF_AUDIT } from './places-of-audit.ts'
import { PLACES_OF_MFA } from './places-of-mfa.ts'
import { PLACES_OF_PASSWORDS } from './places-of-passwords.ts'
import { PLACES_OF_SESSIONS } from './places-of-sessions.ts'
import { PLACES_OF_SIGN_IN } from './places-of-sign-in.ts'
import { PLACES_OF_TOKENS } from './places-of-tokens.ts'

export type { Place } from './place.ts'

/**
 * Every page by its route, in the order of docs/screens.md; a route of routes.ts that is in neither
 * table makes the test fail.
 */
export const PLACES: Places = {
  ...PLACES_OF_SIGN_IN,
  ...PLACES_OF_PASSWORDS,
  ...PLACES_OF_MFA,
  ...PLACES_OF_SESSIONS,
  ...PLACES_OF_AUDIT,
  ...PLACES_OF_ADMINISTRATION,
  ...PLACES_OF_TOKENS,
}

/** Routes that lead on to a page of the table. */
export const REDIRECTS: readonly string[] = [
  '/',
  '/sessions/preview',
  '/sessions/termination',
  ...'approval denial cancellation termination credential hiding hiding/removal repetition extension'
    .split(' ')
    .map((resource) => `/sessions/:id/${resource}`),
  '/extensions/:id',
  '/extensions/:id/approval',
  '/extensions/:id/denial',
  '/extensions/:id/cancellation',
  '/audit/filters/:id',
  '/sign-ins/:id/termination',
  '/account/sign-ins/termination',
  '/account/sign-ins/:id/termination',
  '/audit/filters/:id/deletion',
  '/policy/justification/trial',
  '/data-sources/:id/policy/trial',
  '/password/link',
  '/account/mfa/totp/confirmation',
  '/account/mfa/passkeys',
  '/account/mfa/recovery-codes',
  '/users/:id/mfa/reset',
  '/users/import/confirmation',
  '/users/:id/password-link',
  '/tokens/:id/deletion',
  '/applications/:id/tokens',
  '/applications/:id/deletion',
  '/groups/:id/members',
  '/groups/:id/members/removal',
]

/** Routes that answer with a file. */
export const FILES: readonly string[] = [
  '/sessions/:id/statements/download',
  '/audit/download',
  '/users/import/template',
]

/** The place of a name. */
export function placeOf(name: string): Place {
  const found = Object.values(PLACES)
    .flat()
    .find((place) => place.name === name)
  if (found === undefined) throw new Error(`no place ${name}`)
  return found
}
