import { findSignIn, listOwnSignIns, type SignIn } from '../db/sign-in-lists.ts'
import { endSignIn, endSignInsOf } from '../db/sign-ins.ts'
import { AppError } from '../lib/errors.ts'
import { isUuid } from '../lib/ids.ts'
import type { PortalDeps } from './deps.ts'
import { NotFound } from './errors.ts'
import type { Visit } from './visit.ts'

/** Where a person is signed in now, the newest first. */
export function listOwn({ store }: PortalDeps, { scope }: Visit): Promise<SignIn[]> {
  return listOwnSignIns(store.db, scope)
}

/** Ends one of a person's own other sign-ins. Errors: `not_found`, `own_sign_in`, `state_changed`. */
export async function endOwn(
  { store }: PortalDeps,
  { scope, origin }: Visit,
  id: unknown,
): Promise<void> {
  const known = typeof id === 'string' && isUuid(id)
  const signIn = known ? await findSignIn(store.db, scope, id) : undefined
  if (signIn?.person.id !== scope.person.id) throw new NotFound()
  if (signIn.id === origin.signInId) {
    throw new AppError('own_sign_in', 'This is the sign-in you use now: use Sign out.')
  }
  const isDone = await store.change((tx) =>
    endSignIn(tx, origin, { id: signIn.id, as: 'terminated' }),
  )
  if (!isDone) throw new AppError('state_changed', 'This sign-in has ended meanwhile.')
}

/** Ends all of a person's own sign-ins but the one they use; answers how many. */
export function endOwnOthers({ store }: PortalDeps, { scope, origin }: Visit): Promise<number> {
  return store.change((tx) =>
    endSignInsOf(tx, origin, scope.person.id, { as: 'terminated', exceptId: origin.signInId }),
  )
}
