import type { Request, RequestHandler, Response } from 'express'
import { listGroups } from '../../db/groups.ts'
import type { Person } from '../../db/people.ts'
import { findCurrentVersion } from '../../db/policy-versions.ts'
import { getTimeZone } from '../../db/settings.ts'
import { AppError } from '../../lib/errors.ts'
import { changeGroupsOf, changeUser } from '../administration/user-changes.ts'
import { disableUser, enableUser, lockUser, unlockUser } from '../administration/user-ends.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readAccount, readFlags } from '../forms/user-change.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentProfile } from '../presenters/user-profile.ts'
import { mayAdminister, maySeeAdministration, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { getChangeableUserIn, getUserIn } from '../user-address.ts'
import { visitOf, type Visit } from '../visit.ts'
import { changerIn } from './policy-form.ts'
import { readDuties } from './users.ts'

/** One user: what they are called, what they may do, and their way in. */
export function userProfilePages(deps: PortalDeps) {
  const show: RequestHandler = async (req, res) => {
    const person = await getUserIn(req, deps)
    await renderProfile(deps, req, res, { person, posted: UNPOSTED })
  }

  const change: RequestHandler = async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    const person = await getChangeableUserIn(req, deps)
    const body: unknown = req.body
    const reading = readAccount(body, await getTimeZone(deps.store.db))
    if (!reading.ok) {
      const posted = { body, mistakes: reading.mistakes }
      return renderProfile(deps, req, res.status(422), { person, posted })
    }
    try {
      await changeUser(deps, visitOf(req), { person, change: reading.value })
    } catch (error) {
      const mistakes = mistakesAt(error, 'expiresAt')
      if (Object.keys(mistakes).length === 0) throw error
      return renderProfile(deps, req, res.status(422), { person, posted: { body, mistakes } })
    }
    await flash(req, 'ok', 'The account was changed.')
    res.redirect(303, `/users/${person.id}`)
  }

  return {
    show,
    change,
    flag: making(deps, async (req, visit, person) => {
      await changeUser(deps, visit, { person, change: readFlags(req.body) })
      return `What ${person.username} may do was changed.`
    }),
    group: making(deps, async (req, _visit, person) => {
      const groupIds = fieldsOf(req.body).list('groups')
      await changeGroupsOf(deps, changerIn(req), { person, groupIds })
      return `The approver groups of ${person.username} were changed. Votes count by who is a member today.`
    }),
    lock: ending(deps, lockUser, 'is locked: sign-ins and tokens stopped working at once.'),
    unlock: ending(deps, unlockUser, 'may sign in again.'),
    disable: ending(deps, disableUser, 'is disabled: sign-ins and tokens have ended.'),
    enable: ending(deps, enableUser, 'may sign in again. Tokens have to be made anew.'),
  }
}

async function renderProfile(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { person, posted }: { readonly person: Person; readonly posted: Posted },
): Promise<void> {
  const { scope } = visitOf(req)
  orNotFound(maySeeAdministration(scope))
  const { db } = deps.store
  // the version first: a change of the groups after it makes the form stale, never fresh
  const current = await findCurrentVersion(db, scope.organization.id)
  const [shell, groups, duties] = await Promise.all([
    openShell(deps, req, person.displayName),
    listGroups(db, scope),
    readDuties(deps, scope),
  ])
  const facts = { person, groups, duties, version: current?.version ?? 0 }
  await render(res, 'users/show', presentProfile(shell, scope, facts, posted))
}

type Ending = typeof lockUser

/** Puts a user out or lets them in, with the reason that the form has. */
function ending(deps: PortalDeps, end: Ending, said: string): RequestHandler {
  return making(deps, async (req, visit, person) => {
    const reason = fieldsOf(req.body).text('reason')
    await end(deps, visit, { person, reason })
    return `${person.username} ${said}`
  })
}

/** A change by a button, for admins; what can't be is told on the page of the user. */
function making(
  deps: PortalDeps,
  work: (req: Request, visit: Visit, person: Person) => Promise<string>,
): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    orNotFound(mayAdminister(visit.scope))
    const person = await getChangeableUserIn(req, deps)
    try {
      await flash(req, 'ok', await work(req, visit, person))
    } catch (error) {
      if (!(error instanceof AppError) || !TOLD.has(error.code)) throw error
      await flash(req, 'error', error.message)
    }
    res.redirect(303, `/users/${person.id}`)
  }
}

const TOLD = new Set([
  'invalid_request',
  'reason_required',
  'state_changed',
  'last_admin',
  'account_expired',
])

/** The sentences by field; what the last admin can't be given is told at a field, too. */
function mistakesAt(error: unknown, field: string): Readonly<Record<string, string>> {
  if (error instanceof AppError && error.code === 'last_admin') return { [field]: error.message }
  return mistakesOf(error)
}
