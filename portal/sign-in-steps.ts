import type { Request, Response } from 'express'
import type { Person } from '../db/people.ts'
import type { SignInMethod } from '../db/scope.ts'
import { createSignIn, endSignIn } from '../db/sign-ins.ts'
import { AppError } from '../lib/errors.ts'
import { uuidv7 } from '../lib/ids.ts'
import type { PortalDeps } from './deps.ts'
import { keepHostName } from './host-name.ts'
import { secondFactorStep } from './mfa/demand.ts'
import { passwordChangeStep } from './must-change.ts'
import {
  findWaiting,
  findWaitingFor,
  originOfWaiting,
  type PendingSignIn,
  type SignInStep,
  type StepName,
  type WaitingPerson,
} from './pending-sign-in.ts'
import type { SignIns } from './sign-in.ts'
import { findVisit } from './visit.ts'

/** What it takes to start sign-ins. */
export interface StepDeps extends PortalDeps {
  readonly signIns: SignIns
}

/** Everything between a right first factor and a sign-in, in order. */
const STEPS: readonly SignInStep[] = [secondFactorStep, passwordChangeStep]

/** A first factor that was right: a password, or what another server vouches for. */
export interface FirstFactor {
  /** As read when the factor was checked. */
  readonly person: Person
  readonly authMethod: SignInMethod
  /** A path of ours to go to afterwards. */
  readonly next: string
}

/**
 * Goes on after a right first factor, and answers: to the page of the first step that asks for more,
 * or, where none does, signed in to where the person wanted to go. Errors: `not_signed_in` where the
 * account has ended meanwhile.
 */
export async function afterFirstFactor(
  deps: StepDeps,
  req: Request,
  res: Response,
  { person, authMethod, next }: FirstFactor,
): Promise<void> {
  await endFormer(deps, req)
  const passwordChangedAt = person.passwordChangedAt?.toMillis() ?? null
  const since = Date.now()
  const proved = { personId: person.id, authMethod, next, since, passwordChangedAt }
  await goOn(deps, req, res, { ...proved, passed: {} })
}

/** The cookie that this browser held until now is about to be replaced. */
async function endFormer({ store }: StepDeps, req: Request): Promise<void> {
  const origin = findVisit(req)?.origin
  const id = origin?.signInId
  if (origin === undefined || id === undefined) return
  await store.change((tx) => endSignIn(tx, origin, { id, as: 'signed_out' }))
}

/**
 * Remembers that a step was passed and how, and goes on as above. A step that changed the password
 * says so with `passwordChangedAt`. Errors: `not_signed_in` where nobody waits behind this cookie.
 */
export async function passStep(
  deps: StepDeps,
  req: Request,
  res: Response,
  passed: {
    readonly name: StepName
    readonly how: string
    readonly passwordChangedAt?: PendingSignIn['passwordChangedAt']
  },
): Promise<void> {
  const { pending } = req.session
  if (pending === undefined) throw nobodyWaits()
  const { passwordChangedAt = pending.passwordChangedAt } = passed
  await goOn(deps, req, res, {
    ...pending,
    passwordChangedAt,
    passed: { ...pending.passed, [passed.name]: passed.how },
  })
}

/** Nothing of it is kept under the cookie that came with the request, which somebody may have planted. */
async function goOn(
  deps: StepDeps,
  req: Request,
  res: Response,
  pending: PendingSignIn,
): Promise<void> {
  const waiting = await findWaitingFor(deps, pending)
  if (waiting === undefined) throw nobodyWaits()
  const due = await findDueStep(deps, req, waiting)
  if (due !== undefined) {
    await deps.signIns.hold(req, { ...pending, waitsAt: due.path })
    res.redirect(303, due.path)
    return
  }
  await start(deps, req, waiting)
  res.redirect(303, pending.next)
}

/**
 * Who waits before this step, with all steps ahead of it passed; undefined for everybody else. What a
 * step's page does is open to nobody earlier: a right password alone changes no password.
 */
export async function findWaitingAt(
  deps: PortalDeps,
  req: Request,
  name: StepName,
): Promise<WaitingPerson | undefined> {
  const waiting = await findWaiting(deps, req)
  if (waiting === undefined) return undefined
  return (await findDueStep(deps, req, waiting))?.name === name ? waiting : undefined
}

async function findDueStep(
  deps: PortalDeps,
  req: Request,
  waiting: WaitingPerson,
): Promise<{ readonly name: StepName; readonly path: string } | undefined> {
  for (const step of STEPS) {
    if (waiting.pending.passed[step.name] !== undefined) continue
    const path = await step.pathFor(deps, req, waiting)
    if (path !== undefined) return { name: step.name, path }
  }
  return undefined
}

/**
 * The cookie first: it is worth nothing before the store knows its sign-in, and a sign-in without a
 * cookie would stand in everybody's lists for its whole day.
 */
async function start(deps: StepDeps, req: Request, waiting: WaitingPerson): Promise<void> {
  const { person, pending } = waiting
  const id = uuidv7()
  const origin = { ...originOfWaiting(req, waiting), signInId: id }
  await deps.signIns.start(req, person, id)
  const { authMethod, passed } = pending
  const started = await deps.store.change((tx) =>
    createSignIn(tx, origin, { id, person, authMethod, passed }),
  )
  if (!started) throw nobodyWaits()
  if (origin.clientIp !== undefined) keepHostName(deps, { id, address: origin.clientIp })
}

function nobodyWaits(): AppError {
  return new AppError('not_signed_in', 'This sign-in has waited for too long: begin again.')
}
