import { isIP } from 'node:net'
import type { Request, RequestHandler } from 'express'
import { findStanding, type MfaStanding } from '../../db/mfa-policy.ts'
import { AppError } from '../../lib/errors.ts'
import { appendRecord } from '../../db/audit-log.ts'
import { storeTime } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import { originOfWaiting, type SignInStep, type WaitingPerson } from '../pending-sign-in.ts'
import { findVisit } from '../visit.ts'

/** Where a second factor is given before one is signed in. */
export const FACTOR_AT_SIGN_IN = '/sign-in/mfa'
/** Where people add their factors. */
export const OWN_FACTORS = '/account/mfa'

/**
 * Asks whoever has a second factor for it, and lets nobody in from outside where the organization
 * allows its own addresses alone. Errors: `address_not_allowed`.
 */
export const secondFactorStep: SignInStep = {
  name: 'second_factor',
  pathFor: async (deps, req, waiting) => {
    const standing = await standingOf(deps, req, waiting.person.id)
    if (standing.trustedMode === 'only' && !standing.isUnlimited && !standing.isTrusted) {
      await recordOutside(deps, req, waiting)
      delete req.session.pending
      throw new AppError('address_not_allowed', OUTSIDE)
    }
    return standing.hasFactor && !isSkipped(standing) ? FACTOR_AT_SIGN_IN : undefined
  },
}

const OUTSIDE =
  'Your organization allows sign-ins from its own addresses alone, and yours is not one of them.'

/** Leads who must have a second factor and has none to add one, whatever they asked for. */
export function factorFirst(deps: PortalDeps): RequestHandler {
  return async (req, res, next) => {
    const visit = findVisit(req)
    if (visit !== undefined && !isOpen(req.path)) {
      const standing = await standingOf(deps, req, visit.scope.person.id)
      if (standing.isRequired && !standing.hasFactor && !isSkipped(standing)) {
        res.redirect(303, OWN_FACTORS)
        return
      }
    }
    next()
  }
}

/** What is open before a factor is added. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/sign-out', '/account/password', OWN_FACTORS])

function isOpen(path: string): boolean {
  return OPEN_PATHS.has(path) || path.startsWith(`${OWN_FACTORS}/`)
}

/** Answers every page of somebody who is not signed in yet with the step that they have not passed. */
export const pendingFirst: RequestHandler = (req, res, next) => {
  const { pending } = req.session
  if (pending === undefined || findVisit(req) !== undefined || isOfDoor(req.path)) {
    next()
    return
  }
  res.redirect(303, pending.waitsAt ?? '/sign-in')
}

/** What is there before sign-in, too: beginning again, and links that set a password. */
function isOfDoor(path: string): boolean {
  return /^\/(sign-in|sign-out|password|setup)(\/|$)/.test(path)
}

/** How somebody stands to their organization's policy at the address that this request came from. */
export function standingOf(
  { store }: PortalDeps,
  req: Request,
  personId: string,
): Promise<MfaStanding> {
  return findStanding(store.db, { personId, address: addressOf(req) })
}

/** The address as ranges are compared with: IPv4 also where the socket speaks IPv6; undefined for none. */
export function addressOf({ ip }: Request): string | undefined {
  const address = ip?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  return address !== undefined && isIP(address) !== 0 ? address : undefined
}

function isSkipped({ isTrusted, trustedMode }: MfaStanding): boolean {
  return isTrusted && trustedMode === 'skip'
}

async function recordOutside(
  { store }: PortalDeps,
  req: Request,
  waiting: WaitingPerson,
): Promise<void> {
  await store.change(async (tx) =>
    appendRecord(tx, originOfWaiting(req, waiting), await storeTime(tx), {
      action: 'auth.login_failed',
      area: 'sign-in',
      outcome: 'refused',
      reason: 'The address is outside the ranges that sign-ins are allowed from.',
    }),
  )
}
