import type { Request } from 'express'
import { findOwnPasswordHash, setPassword } from '../db/passwords.ts'
import type { Attempts } from './attempts.ts'
import type { PortalDeps } from './deps.ts'
import { InvalidRequest, NotFound, TooManyTries } from './errors.ts'
import { recordFailedSignIn } from './failed-sign-ins.ts'
import { passwordFits } from './passwords.ts'
import { hashChosenPassword } from './password-strength.ts'
import { visitOf } from './visit.ts'

/** What somebody sends to change their own password. */
export interface OwnPasswordCommand {
  /** Undefined where what was sent can be no password at all. */
  readonly current: string | undefined
  readonly password: string
}

export interface OwnPasswordDeps extends PortalDeps {
  readonly attempts: Attempts
}

/**
 * Changes the password of who asks, who says the current one: a try like one at the sign-in page. Ends
 * their other sign-ins. Errors: `invalid_request`, `too_many_tries`.
 */
export async function changeOwnPassword(
  deps: OwnPasswordDeps,
  req: Request,
  { current, password }: OwnPasswordCommand,
): Promise<void> {
  const { scope, origin } = visitOf(req)
  const { person } = scope
  await proveCurrent(deps, req, current)
  if (current === password) {
    throw new InvalidRequest({ password: 'Choose another password than the one you have.' })
  }
  const passwordHash = await hashChosenPassword(password, person)
  const at = await deps.store.change((tx) =>
    setPassword(tx, origin, {
      person,
      passwordHash,
      way: 'own',
      mustChange: false,
      exceptSignInId: origin.signInId,
    }),
  )
  if (at === undefined) throw new NotFound()
}

async function proveCurrent(
  deps: OwnPasswordDeps,
  req: Request,
  current: string | undefined,
): Promise<void> {
  const { person } = visitOf(req).scope
  const address = req.ip ?? 'unknown'
  await begin(deps, req, address)
  const hash = await findOwnPasswordHash(deps.store.db, person.id)
  if (current !== undefined && (await passwordFits(hash, current))) {
    await deps.attempts.succeed(address, person.username)
    return
  }
  await noteFailure(deps, req, 'The current password of a change was wrong.')
  throw new InvalidRequest({ currentPassword: 'This is not your current password.' })
}

async function begin(deps: OwnPasswordDeps, req: Request, address: string): Promise<void> {
  try {
    await deps.attempts.begin(address, visitOf(req).scope.person.username)
  } catch (error) {
    if (error instanceof TooManyTries && error.isFirst) {
      await noteFailure(deps, req, error.message)
    }
    throw error
  }
}

function noteFailure(deps: PortalDeps, req: Request, reason: string): Promise<void> {
  const { username } = visitOf(req).scope.person
  return recordFailedSignIn(deps, req, { method: 'password', username, shown: username, reason })
}
