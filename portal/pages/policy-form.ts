import type { Request, RequestHandler } from 'express'
import type { PolicyChanger } from '../../broker/policy/changer.ts'
import { AppError } from '../../lib/errors.ts'
import { InvalidRequest, mistakesOf } from '../errors.ts'
import type { Reading } from '../forms/fields.ts'
import { versionIn } from '../forms/policy.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { visitOf } from '../visit.ts'
import type { ShowForm } from './administration.ts'

/** Says at the form that it does not say what it was made from. */
const VERSIONLESS = 'This form does not say which policy it was made from: look at it, then send.'

export interface PolicyForm<T> {
  readonly show: ShowForm
  readonly read: (body: unknown) => Reading<T>
  /** Makes the change and says where to go. */
  readonly make: (req: Request, by: PolicyChanger, command: T) => Promise<string>
}

/**
 * Makes the change a form asks for and goes where `make` says, or shows the form with what to mend.
 * Where the policy has moved on, the form comes back as things stand now, with who moved it.
 */
export function policyChange<T>({ show, read, make }: PolicyForm<T>): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    orNotFound(mayAdminister(visit.scope))
    const body: unknown = req.body
    const version = versionIn(body)
    const reading = read(body)
    if (version === undefined || !reading.ok) {
      const mistakes = reading.ok ? { policyVersion: VERSIONLESS } : reading.mistakes
      return show(req, res.status(422), { body, mistakes })
    }
    let next: string
    try {
      next = await make(req, { ...visit, version }, reading.value)
    } catch (error) {
      if (error instanceof AppError && error.code === 'state_changed') {
        const mistakes = { policyVersion: error.message }
        return show(req, res.status(409), { body: undefined, mistakes })
      }
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      return show(req, res.status(422), { body, mistakes })
    }
    res.redirect(303, next)
  }
}

/** Who changes the policy by a form without fields of its own. Errors: `invalid_request`. */
export function changerIn(req: Request): PolicyChanger {
  const version = versionIn(req.body)
  if (version === undefined) throw new InvalidRequest({ policyVersion: VERSIONLESS })
  return { ...visitOf(req), version }
}
