import type { Request, RequestHandler } from 'express'
import { listOpenLinks } from '../../db/password-links.ts'
import { findPasswordState } from '../../db/passwords.ts'
import type { Person } from '../../db/people.ts'
import { iso } from '../../db/store.ts'
import { handLinkTo, refuseOwn, setPasswordOf } from '../administration/passwords.ts'
import { openAttempts } from '../attempts.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { readBody } from '../forms/body.ts'
import { changeOwnPassword } from '../own-password.ts'
import { mayAdminister, orNotEntitled } from '../privileges.ts'
import { getChangeableUserIn } from '../user-address.ts'
import { visitOf } from '../visit.ts'
import { nothingBody, ownPasswordBody, userPasswordBody } from './bodies.ts'

/** Passwords as JSON: one's own, and what admins do for others. None is ever answered. */
export function passwordsApi(deps: PortalDeps) {
  // wrong ones count together with those at the sign-in page
  const attempts = openAttempts(deps, 'sign-in')

  const changeOwn: RequestHandler = async (req, res) => {
    const { currentPassword: current, password } = readBody(req, ownPasswordBody)
    await changeOwnPassword({ ...deps, attempts }, req, { current, password })
    res.json(await stateJson(deps, visitOf(req).scope.person))
  }

  const show: RequestHandler = async (req, res) => {
    res.json(await stateJson(deps, await getUser(deps, req)))
  }

  const set: RequestHandler = async (req, res) => {
    const person = await getUser(deps, req)
    refuseOwn(visitOf(req), person)
    const command = readBody(req, userPasswordBody)
    await setPasswordOf(deps, visitOf(req), { person, ...command })
    res.json(await stateJson(deps, person))
  }

  const link: RequestHandler = async (req, res) => {
    const person = await getUser(deps, req)
    refuseOwn(visitOf(req), person)
    readBody(req, nothingBody)
    const { purpose, expiresAt, url } = await handLinkTo(deps, visitOf(req), person)
    const answer = { purpose, expiresAt: iso(expiresAt), mailed: url === undefined }
    res.status(201).json({ ...answer, url: url ?? null })
  }

  return { changeOwn, show, set, link }
}

async function getUser(deps: PortalDeps, req: Request): Promise<Person> {
  orNotEntitled(mayAdminister(visitOf(req).scope))
  return getChangeableUserIn(req, deps)
}

async function stateJson({ store }: PortalDeps, { id }: Person): Promise<Record<string, unknown>> {
  const [state, links] = await Promise.all([
    findPasswordState(store.db, id),
    listOpenLinks(store.db, id),
  ])
  if (state === undefined) throw new NotFound()
  return {
    isSet: state.isSet,
    changedAt: state.changedAt && iso(state.changedAt),
    mustChange: state.mustChange,
    links: links.map(({ purpose, createdAt, expiresAt, createdBy }) => ({
      purpose,
      createdBy,
      createdAt: iso(createdAt),
      expiresAt: iso(expiresAt),
    })),
  }
}
