import { resetFactors } from '../../db/mfa-factors.ts'
import {
  changeMfaPolicy,
  getMfaPolicy,
  holdsAddress,
  normalizeRanges,
  type MfaPolicy,
} from '../../db/mfa-policy.ts'
import type { Person } from '../../db/people.ts'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { rangesMistake } from '../forms/mfa.ts'
import type { Visit } from '../visit.ts'

/** Who changes what is asked, and from where. */
export interface MfaChanger extends Visit {
  readonly address: string | undefined
}

/**
 * Changes what the organization asks for beside passwords; false where nothing changed. Nobody shuts
 * themselves out: the ranges that alone are allowed hold the address this comes from. Errors: `invalid_request`.
 */
export async function changeMfa(
  { store }: PortalDeps,
  { scope, origin, address }: MfaChanger,
  { trustedRanges, ...asked }: Partial<MfaPolicy>,
): Promise<boolean> {
  const { db } = store
  const mistake = rangesMistake(trustedRanges ?? [])
  if (mistake !== undefined) throw new InvalidRequest({ trustedRanges: mistake })
  const normal =
    trustedRanges === undefined ? {} : { trustedRanges: await normalizeRanges(db, trustedRanges) }
  const after = { ...(await getMfaPolicy(db, scope.organization.id)), ...asked, ...normal }
  if (after.trustedMode === 'only' && after.trustedRanges.length > 0) {
    const isInside = address !== undefined && (await holdsAddress(db, after.trustedRanges, address))
    if (!isInside) throw new InvalidRequest({ trustedRanges: shutOut(address) })
  }
  return store.change((tx) => changeMfaPolicy(tx, origin, { ...asked, ...normal }))
}

function shutOut(address = 'an unknown address'): string {
  return `You are at ${address}, which none of these ranges holds: you would shut yourself out. Add it first.`
}

/**
 * Takes all second factors from somebody who lost them. Errors: `own_account`, `reason_required`,
 * `invalid_request` where there are none.
 */
export async function resetMfa(
  { store }: PortalDeps,
  { scope, origin }: Visit,
  { person, reason }: { readonly person: Person; readonly reason: string },
): Promise<void> {
  if (person.id === scope.person.id) {
    throw new AppError('own_account', 'Ask another admin: nobody resets their own second factors.')
  }
  if (reason.trim() === '') throw new AppError('reason_required', 'Say why they are reset.')
  const owner = person
  const isReset = await store.change((tx) =>
    resetFactors(tx, origin, { owner, reason: reason.trim() }),
  )
  if (!isReset) throw new InvalidRequest({ reason: `${person.username} has no second factors.` })
}
