import type { Request, RequestHandler, Response } from 'express'
import { listGroups } from '../../db/groups.ts'
import type { Person } from '../../db/people.ts'
import { countOfPerson } from '../../db/person-counts.ts'
import { AppError } from '../../lib/errors.ts'
import { deleteUser } from '../administration/user-ends.ts'
import { refuseOwn } from '../administration/user-changes.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readConfirmation } from '../forms/user-change.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentDeletion } from '../presenters/user-profile.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { getChangeableUserIn } from '../user-address.ts'
import { visitOf } from '../visit.ts'

/** Deleting a user takes a page of its own, and their name typed. */
export function userDeletionPages(deps: PortalDeps) {
  const fresh: RequestHandler = async (req, res) => {
    const person = await getOther(req, deps)
    await renderForm(deps, req, res, { person, posted: UNPOSTED })
  }

  const create: RequestHandler = async (req, res) => {
    const person = await getOther(req, deps)
    const body: unknown = req.body
    try {
      readConfirmation(fieldsOf(body).text('confirmation'), person)
      const reason = fieldsOf(body).text('reason')
      await deleteUser(deps, visitOf(req), { person, reason })
    } catch (error) {
      const isLast = error instanceof AppError && error.code === 'last_admin'
      const mistakes = isLast ? { confirmation: error.message } : mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      return renderForm(deps, req, res.status(422), { person, posted: { body, mistakes } })
    }
    await flash(req, 'ok', `${person.username} was deleted. The history keeps the name.`)
    res.redirect(303, '/users')
  }

  return { fresh, create }
}

async function getOther(req: Request, deps: PortalDeps): Promise<Person> {
  const visit = visitOf(req)
  orNotFound(mayAdminister(visit.scope))
  const person = await getChangeableUserIn(req, deps)
  refuseOwn(visit, person)
  return person
}

async function renderForm(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { person, posted }: { readonly person: Person; readonly posted: Posted },
): Promise<void> {
  const { db } = deps.store
  const [shell, groups, counts] = await Promise.all([
    openShell(deps, req, `Delete ${person.displayName}`),
    listGroups(db, visitOf(req).scope),
    countOfPerson(db, person.id),
  ])
  await render(res, 'users/deletion', presentDeletion(shell, { person, groups, ...counts }, posted))
}
