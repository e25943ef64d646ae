import { lockPerson } from '../../db/person-changes.ts'
import type { PersonScope } from '../../db/scope.ts'
import { findSignIn, type SignIn } from '../../db/sign-in-lists.ts'
import { endSignIn } from '../../db/sign-ins.ts'
import { AppError } from '../../lib/errors.ts'
import { isUuid } from '../../lib/ids.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { mayAdminister, mayEndSignIns } from '../privileges.ts'
import type { Visit } from '../visit.ts'

/** How somebody else's sign-in is to end. */
export interface Termination {
  readonly reason: string
  /** All sign-ins of the person with it, and no other until an admin unlocks them. */
  readonly lock: boolean
}

/** A sign-in of the scope's organization. Errors: `not_found`. */
export async function getSignIn(
  { store }: PortalDeps,
  scope: PersonScope,
  id: unknown,
): Promise<SignIn> {
  const known = typeof id === 'string' && isUuid(id)
  const signIn = known ? await findSignIn(store.db, scope, id) : undefined
  if (signIn === undefined) throw new NotFound()
  return signIn
}

/** What keeps a reader from ending a sign-in, in a sentence; undefined where nothing does. */
export function whyNotEnded({ scope, origin }: Visit, signIn: SignIn): string | undefined {
  if (!mayEndSignIns(scope)) return 'Ending sign-ins is a privilege of its own: ask an admin.'
  if (!signIn.isActive) return 'This sign-in has ended.'
  if (signIn.id === origin.signInId) return 'This is your own sign-in: use Sign out.'
  return whoNeedsAnAdmin(scope, signIn)
}

/** What keeps a reader from locking the person, too. */
export function whyNotLocked(visit: Visit, signIn: SignIn): string | undefined {
  const { person } = visit.scope
  if (signIn.person.id === person.id) return 'Nobody locks themselves out: ask another admin.'
  return whyNotEnded(visit, signIn)
}

/** Else whoever may end sign-ins could keep every admin out of the portal. */
function whoNeedsAnAdmin(scope: PersonScope, { person }: SignIn): string | undefined {
  const isAllowed = person.managementPrivilege !== 'admin' || mayAdminister(scope)
  return isAllowed ? undefined : 'The sign-ins of an admin are ended by admins alone.'
}

/**
 * Ends one sign-in; or all of its person's, and locks them. Errors: `not_entitled`, `own_sign_in`,
 * `state_changed`, `reason_required`, `last_admin`.
 */
export async function terminateSignIn(
  { store }: PortalDeps,
  visit: Visit,
  signIn: SignIn,
  { reason, lock }: Termination,
): Promise<void> {
  const why = (lock ? whyNotLocked : whyNotEnded)(visit, signIn)
  if (why !== undefined) throw new AppError(codeOf(visit, signIn), why)
  if (reason === '') throw new AppError('reason_required', 'Say why: the reason is recorded.')
  const { origin } = visit
  const { id, person } = signIn
  const isDone = await store.change((tx) =>
    lock
      ? lockPerson(tx, origin, person.id, reason)
      : endSignIn(tx, origin, { id, as: 'terminated', reason }),
  )
  if (!isDone) throw new AppError('state_changed', 'This sign-in has ended meanwhile.')
}

function codeOf({ scope, origin }: Visit, signIn: SignIn): string {
  if (!mayEndSignIns(scope)) return 'not_entitled'
  const isOwn = signIn.id === origin.signInId || signIn.person.id === scope.person.id
  if (signIn.isActive) return isOwn ? 'own_sign_in' : 'not_entitled'
  return 'state_changed'
}
