import type { Request, RequestHandler, Response } from 'express'
import { listPasskeys } from '../../db/mfa-passkeys.ts'
import { noteSecondFactor, stepUp as keepStepUp } from '../../db/step-up.ts'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf, TooManyTries, type FieldMistakes } from '../errors.ts'
import { FACTOR_AT_SIGN_IN } from '../mfa/demand.ts'
import { askForSignature } from '../mfa/passkeys.ts'
import { proveFactor, type ProofDeps, type Prover } from '../mfa/proof.ts'
import { findRelyingParty } from '../mfa/relying-party.ts'
import { renewSignIn, STEP_UP } from '../mfa/step-up.ts'
import { findWaiting, originOfWaiting } from '../pending-sign-in.ts'
import type { ProofPage } from '../presenters/mfa-pages.ts'
import { render } from '../render.ts'
import { flash } from '../shell.ts'
import { passStep, type StepDeps } from '../sign-in-steps.ts'
import { visitOf } from '../visit.ts'
import { openDoor } from './password.ts'

export type MfaDeps = StepDeps & ProofDeps

/** The second factor between a right password and a sign-in. */
export function factorAtSignIn(deps: MfaDeps) {
  return proofPages(deps, {
    href: FACTOR_AT_SIGN_IN,
    heading: 'One more step',
    lead: 'Your password was right. Now prove a second time that it is you.',
    back: { href: '/sign-in', label: 'Sign in as somebody else' },
    proverOf: (req) => getWaitingProver(deps, req),
    passed: (req, res, factor) => passStep(deps, req, res, { name: 'second_factor', how: factor }),
  })
}

/** The second factor that is asked for again before something that matters. */
export function stepUpPages(deps: MfaDeps) {
  return proofPages(deps, {
    href: STEP_UP,
    heading: 'Prove that it is you',
    lead: 'This takes a second factor. Nothing is done yet: you come back to the page and decide there.',
    back: { href: '/', label: 'Back' },
    proverOf: (req) => {
      const { scope, origin } = visitOf(req)
      return Promise.resolve({ owner: scope.person, origin })
    },
    passed: async (req, res, factor) => {
      const { origin } = visitOf(req)
      await deps.store.change((tx) => keepStepUp(tx, origin, factor))
      const item = req.session.interrupted?.item ?? '/'
      if (req.session.interrupted?.typed === undefined) delete req.session.interrupted
      await renewSignIn(deps, req)
      await flash(req, 'ok', 'Thank you, it is you. Nothing was done yet: go on from here.')
      res.redirect(303, item)
    },
  })
}

interface Ceremony extends Pick<ProofPage, 'href' | 'heading' | 'lead' | 'back'> {
  /** Errors: `not_signed_in`. */
  readonly proverOf: (req: Request) => Promise<Prover>
  readonly passed: (
    req: Request,
    res: Response,
    factor: Awaited<ReturnType<typeof proveFactor>>,
  ) => Promise<void>
}

function proofPages(deps: MfaDeps, ceremony: Ceremony) {
  const fresh: RequestHandler = async (req, res) => {
    const prover = await ceremony.proverOf(req)
    await show(deps, req, res, { ceremony, prover, mistakes: {} })
  }

  const create: RequestHandler = async (req, res) => {
    const prover = await ceremony.proverOf(req)
    let factor
    try {
      factor = await proveFactor(deps, req, prover)
    } catch (error) {
      const mistakes = mistakesAtForm(error, res)
      if (mistakes === undefined) throw error
      return show(deps, req, res, { ceremony, prover, mistakes })
    }
    await ceremony.passed(req, res, factor)
  }

  const challenge: RequestHandler = async (req, res) => {
    const { owner } = await ceremony.proverOf(req)
    res.json(await askForSignature(deps, req, owner))
  }

  return { fresh, create, challenge }
}

/** What goes wrong is said at the field; undefined: it is something else. */
function mistakesAtForm(error: unknown, res: Response): FieldMistakes | undefined {
  if (error instanceof TooManyTries) {
    res.status(429).set('retry-after', String(error.facts['retryAfter']))
    return { code: error.message }
  }
  const mistakes = mistakesOf(error)
  if (Object.keys(mistakes).length === 0) return undefined
  // a 401 has to name a scheme (RFC 9110, 15.5.2); browsers ignore the ones they don't know
  res.status(401).set('www-authenticate', 'Form')
  return mistakes
}

async function show(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { ceremony, prover, mistakes }: { ceremony: Ceremony; prover: Prover; mistakes: FieldMistakes },
): Promise<void> {
  const { href, heading, lead, back } = ceremony
  const [page, passkeys] = await Promise.all([
    openDoor(deps, req, heading),
    listPasskeys(deps.store.db, prover.owner.id),
  ])
  const works = passkeys.length > 0 && findRelyingParty(deps.config.publicUrl) !== undefined
  await render(res, 'mfa/proof', {
    page,
    heading,
    lead,
    href,
    back,
    code: { value: '', error: mistakes['code'] },
    passkey: works ? { error: mistakes['passkey'] } : undefined,
  })
}

async function getWaitingProver(deps: PortalDeps, req: Request): Promise<Prover> {
  const waiting = await findWaiting(deps, req)
  if (waiting !== undefined && waiting.pending.passed.second_factor === undefined) {
    return { owner: waiting.person, origin: originOfWaiting(req, waiting) }
  }
  // nobody waits behind this cookie any more, so nothing keeps them from beginning again
  delete req.session.pending
  throw new AppError('not_signed_in', 'This sign-in has waited for too long: begin again.')
}

/** A first factor that was just added was proven by that. */
export async function trustFreshFactor(deps: MfaDeps, req: Request): Promise<void> {
  const { signInId } = visitOf(req).origin
  if (signInId !== undefined) await noteSecondFactor(deps.store.db, signInId)
  await renewSignIn(deps, req)
}
