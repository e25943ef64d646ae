import type { Request, RequestHandler } from 'express'
import { getMfaPolicy, type StepUp } from '../../db/mfa-policy.ts'
import { isFresh } from '../../db/step-up.ts'
import type { PortalDeps } from '../deps.ts'
import { fieldsOf } from '../forms/fields.ts'
import type { Returned } from '../presenters/session-forms.ts'
import { flash } from '../shell.ts'
import type { SignIns } from '../sign-in.ts'
import { findVisit, visitOf, type Visit } from '../visit.ts'
import { OWN_FACTORS, standingOf } from './demand.ts'

declare module 'express-session' {
  interface SessionData {
    /** Where somebody was going when a second factor was asked for, and what they had typed there. */
    interrupted?: Interrupted
  }
}

/** What a second factor was asked for in the middle of. */
export interface Interrupted {
  /** The page of the item: whoever comes back decides again. */
  readonly item: string
  readonly typed?: Omit<Returned, 'mistakes'>
}

/** Where a second factor is asked for again. */
export const STEP_UP = '/step-up'

/** What a fresh second factor may be asked for: what the policy says, and, always, one's own factors. */
type Guarded = StepUp | 'factors'

/**
 * Guards handlers of pages: where a fresh second factor is asked for and was not given, nothing is done,
 * and it is asked for first. Calls by API token are not asked.
 */
export function stepUpGuard(deps: PortalDeps) {
  return (what: Guarded, handle: RequestHandler): RequestHandler =>
    async (req, res, next) => {
      const visit = findVisit(req)
      // who is not signed in is told so by the handler
      if (visit === undefined || !(await isAsked(deps, req, { visit, what }))) {
        await handle(req, res, next)
        return
      }
      req.session.interrupted = interruptedBy(req, what)
      const { hasFactor } = await standingOf(deps, req, visit.scope.person.id)
      if (!hasFactor) {
        await flash(req, 'error', 'This takes a second factor, and you have none: add one first.')
      }
      res.redirect(303, hasFactor ? STEP_UP : OWN_FACTORS)
    }
}

async function isAsked(
  deps: PortalDeps,
  req: Request,
  { visit, what }: { readonly visit: Visit; readonly what: Guarded },
): Promise<boolean> {
  const { db } = deps.store
  const { scope, origin } = visit
  if (what === 'factors') {
    // the first of them there is nothing to prove with
    const { hasFactor } = await standingOf(deps, req, scope.person.id)
    if (!hasFactor) return false
  } else {
    const { stepUp } = await getMfaPolicy(db, scope.organization.id)
    if (!stepUp.includes(what)) return false
  }
  return origin.signInId === undefined || !(await isFresh(db, origin.signInId))
}

function interruptedBy(req: Request, what: Guarded): Interrupted {
  if (what === 'factors')
    return { item: req.path.startsWith(OWN_FACTORS) ? OWN_FACTORS : pageOf(req.path) }
  const item = req.path.replace(/(\/statements)?\/[^/]+$/, '')
  // a download's address holds its filter
  if (req.method !== 'POST') return { item: item + new URL(req.originalUrl, 'http://x').search }
  const [action] = req.path.split('/').slice(-1)
  const fields = fieldsOf(req.body)
  const typed = { comment: fields.text('comment'), reason: fields.text('reason') }
  return ACTIONS.has(action) ? { item, typed: { action: asAction(action), typed } } : { item }
}

/** Flags and groups of a user have no page of their own. */
function pageOf(path: string): string {
  return path.replace(/^(\/users\/[^/]+)\/(?:flags|groups)$/, '$1')
}

const ACTIONS: ReadonlySet<string | undefined> = new Set(['approval', 'denial', 'termination'])

function asAction(text: string | undefined): Returned['action'] {
  if (text === 'approval' || text === 'denial') return text
  return 'termination'
}

/** What somebody had typed at this page before a second factor was asked for; it comes back once. */
export function takeTyped(req: Request): Returned | undefined {
  const { interrupted } = req.session
  if (interrupted?.typed === undefined || interrupted.item !== req.path) return undefined
  delete req.session.interrupted
  return { ...interrupted.typed, mistakes: {} }
}

/** Goes on under a new cookie: whoever had copied the old one did not give the second factor. */
export async function renewSignIn(
  { signIns }: { readonly signIns: SignIns },
  req: Request,
): Promise<void> {
  const { scope, origin } = visitOf(req)
  if (origin.signInId === undefined) return
  const { zone, interrupted } = req.session
  await signIns.start(req, scope.person, origin.signInId)
  if (zone !== undefined) req.session.zone = zone
  if (interrupted !== undefined) req.session.interrupted = interrupted
}
