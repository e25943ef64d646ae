import type { Request, RequestHandler, Response } from 'express'
import { findOwnPasswordHash, setPassword } from '../../db/passwords.ts'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { readChosenPassword } from '../forms/passwords.ts'
import { CHANGE_AT_SIGN_IN } from '../must-change.ts'
import { hashPassword, passwordFits } from '../passwords.ts'
import { originOfWaiting, type WaitingPerson } from '../pending-sign-in.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentFreshPassword } from '../presenters/passwords.ts'
import { render } from '../render.ts'
import { findWaitingAt, passStep, type StepDeps } from '../sign-in-steps.ts'
import { openDoor } from './password.ts'

/**
 * The step between a password that was set for somebody and their sign-in: they choose their own. The
 * one they have was right minutes ago, so it is not asked again.
 */
export function passwordAtSignIn(deps: StepDeps) {
  const fresh: RequestHandler = async (req, res) => {
    await show(deps, req, res, { waiting: await getWaiting(deps, req), posted: UNPOSTED })
  }

  const create: RequestHandler = async (req, res) => {
    const waiting = await getWaiting(deps, req)
    const { person } = waiting
    const body: unknown = req.body
    const reading = await readChosenPassword(body, person)
    if (!reading.ok) {
      const posted = { body, mistakes: reading.mistakes }
      return show(deps, req, res.status(422), { waiting, posted })
    }
    if (await passwordFits(await findOwnPasswordHash(deps.store.db, person.id), reading.value)) {
      const mistakes = { password: 'Choose another password than the one that was set for you.' }
      return show(deps, req, res.status(422), { waiting, posted: { body, mistakes } })
    }
    const passwordHash = await hashPassword(reading.value)
    const origin = originOfWaiting(req, waiting)
    const at = await deps.store.change((tx) =>
      setPassword(tx, origin, { person, passwordHash, way: 'at sign-in', mustChange: false }),
    )
    if (at === undefined) throw nobodyWaits()
    const passwordChangedAt = at.toMillis()
    await passStep(deps, req, res, { name: 'password_change', how: 'changed', passwordChangedAt })
  }

  return { fresh, create }
}

async function getWaiting(deps: PortalDeps, req: Request): Promise<WaitingPerson> {
  const waiting = await findWaitingAt(deps, req, 'password_change')
  if (waiting !== undefined) return waiting
  throw nobodyWaits()
}

function nobodyWaits(): AppError {
  return new AppError('not_signed_in', 'This sign-in has waited for too long: begin again.')
}

async function show(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { waiting, posted }: { waiting: WaitingPerson; posted: Posted },
): Promise<void> {
  const page = await openDoor(deps, req, 'Choose your own password')
  const form = {
    href: CHANGE_AT_SIGN_IN,
    username: waiting.person.username,
    heading: 'Choose your own password',
    lead: 'The one you signed in with was set for you. Choose one that nobody else knows.',
    button: 'Set password and sign in',
    asksCurrent: false,
  }
  await render(res, 'password/fresh', presentFreshPassword(page, form, posted))
}
