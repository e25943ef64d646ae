import type { Request, RequestHandler, Response } from 'express'
import { isMailOpen } from '../../db/mail-service.ts'
import { listOpenLinks } from '../../db/password-links.ts'
import { findPasswordState } from '../../db/passwords.ts'
import type { Person } from '../../db/people.ts'
import {
  handLinkTo,
  refuseOwn,
  setPasswordOf,
  type HandedLink,
} from '../administration/passwords.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf, NotFound } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readMustChange } from '../forms/passwords.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentMoment } from '../presenters/moments.ts'
import { presentUserPassword } from '../presenters/passwords.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { getChangeableUserIn } from '../user-address.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'

/** Another user's password, in the hands of an admin: set it, or hand over a link. */
export function userPasswordPages(deps: PortalDeps) {
  const fresh: RequestHandler = async (req, res) => {
    const person = await getOther(req, deps)
    await show(deps, req, res, { person, posted: UNPOSTED })
  }

  const set: RequestHandler = async (req, res) => {
    const person = await getOther(req, deps)
    const body: unknown = req.body
    const mustChange = readMustChange(body)
    const password = fieldsOf(body).raw('password')
    try {
      await setPasswordOf(deps, visitOf(req), { person, password, mustChange })
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      return show(deps, req, res.status(422), { person, posted: { body, mistakes } })
    }
    const then = mustChange ? ', to be changed at the next sign-in' : ''
    const said = `The password of ${person.username} is set${then}. Sign-ins of the user have ended.`
    await flash(req, 'ok', said)
    res.redirect(303, `/users/${person.id}`)
  }

  const link: RequestHandler = async (req, res) => {
    const person = await getOther(req, deps)
    const handed = await handLinkTo(deps, visitOf(req), person)
    if (handed.url !== undefined) return show(deps, req, res, { person, posted: UNPOSTED, handed })
    await flash(req, 'ok', `A letter with the link is on its way to ${person.username}.`)
    res.redirect(303, `/users/${person.id}/password`)
  }

  const back: RequestHandler = (req, res) => {
    res.redirect(303, `/users/${uuidIn(req)}/password`)
  }

  return { fresh, set, link, back }
}

async function getOther(req: Request, deps: PortalDeps): Promise<Person> {
  const visit = visitOf(req)
  orNotFound(mayAdminister(visit.scope))
  const person = await getChangeableUserIn(req, deps)
  refuseOwn(visit, person)
  return person
}

async function show(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { person, posted, handed }: { person: Person; posted: Posted; handed?: HandedLink },
): Promise<void> {
  const { db } = deps.store
  const [shell, state, links, isOpen] = await Promise.all([
    openShell(deps, req, `Password of ${person.displayName}`),
    findPasswordState(db, person.id),
    listOpenLinks(db, person.id),
    isMailOpen(db),
  ])
  if (state === undefined) throw new NotFound()
  const facts = { person, state, links, isMailOpen: isOpen }
  await render(res, 'users/password', {
    ...presentUserPassword(shell, facts, posted),
    made:
      handed?.url === undefined
        ? undefined
        : { url: handed.url, expires: presentMoment(handed.expiresAt, shell.zones) },
  })
}
