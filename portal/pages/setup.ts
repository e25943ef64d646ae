import type { Request, RequestHandler, Response } from 'express'
import { isSetupLinkOpen, makeFirstAdmin, type FirstAdmin } from '../../db/first-admin.ts'
import { getDefaultOrganization, type Person } from '../../db/people.ts'
import { named } from '../administration/rules.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf } from '../errors.ts'
import { readFirstAdmin } from '../forms/passwords.ts'
import { hashPassword } from '../passwords.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentFirstAdmin } from '../presenters/passwords.ts'
import { render } from '../render.ts'
import { afterFirstFactor, type StepDeps } from '../sign-in-steps.ts'
import { originOf } from '../visit.ts'
import { answerWorthless, openDoor } from './password.ts'

/** The first admin, made by whoever holds the setup link while nobody is an admin. */
export function setupPages(deps: StepDeps) {
  const fresh: RequestHandler = async (req, res) => {
    if ((await findSetupLink(deps, req)) === undefined) return answerWorthless(deps, req, res)
    await show(deps, req, res, UNPOSTED)
  }

  const create: RequestHandler = async (req, res) => {
    const linkId = await findSetupLink(deps, req)
    if (linkId === undefined) return answerWorthless(deps, req, res)
    const body: unknown = req.body
    const reading = await readFirstAdmin(body)
    if (!reading.ok) return show(deps, req, res.status(422), { body, mistakes: reading.mistakes })
    const { password, ...admin } = reading.value
    let person: Person | undefined
    try {
      const passwordHash = await hashPassword(password)
      person = await make(deps, req, { linkId, admin: { ...admin, passwordHash } })
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      return show(deps, req, res.status(422), { body, mistakes })
    }
    if (person === undefined) return answerWorthless(deps, req, res)
    await afterFirstFactor(deps, req, res, { person, authMethod: 'password', next: '/' })
  }

  return { fresh, create }
}

/** In the name of the setup: there is nobody yet to have done it. */
async function make(
  { store }: PortalDeps,
  req: Request,
  setup: { readonly linkId: string; readonly admin: FirstAdmin },
): Promise<Person | undefined> {
  const origin = {
    ...originOf(req, await getDefaultOrganization(store.db)),
    actor: { type: 'system', id: 'setup', name: 'system (setup)' },
  } as const
  return named(store.change((tx) => makeFirstAdmin(tx, origin, setup)))
}

async function findSetupLink({ store }: PortalDeps, req: Request): Promise<string | undefined> {
  const { passwordLink } = req.session
  if (passwordLink === undefined) return undefined
  return (await isSetupLinkOpen(store.db, passwordLink)) ? passwordLink : undefined
}

async function show(deps: PortalDeps, req: Request, res: Response, posted: Posted): Promise<void> {
  const page = await openDoor(deps, req, 'Set up Daypass')
  await render(res, 'password/first', presentFirstAdmin(page, posted))
}
