import type { Request, RequestHandler, Response } from 'express'
import { listGroups } from '../../db/groups.ts'
import { findPasswordState } from '../../db/passwords.ts'
import { mistakesOf, TooManyTries, type FieldMistakes } from '../errors.ts'
import { readChosenPassword, readCurrentPassword } from '../forms/passwords.ts'
import { changeOwnPassword, type OwnPasswordDeps } from '../own-password.ts'
import { presentAccount } from '../presenters/account.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentFreshPassword } from '../presenters/passwords.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import type { SignIns } from '../sign-in.ts'
import { visitOf } from '../visit.ts'

export interface AccountDeps extends OwnPasswordDeps {
  readonly signIns: SignIns
}

/** What a signed-in person sees and changes of their own account. */
export function accountPages(deps: AccountDeps) {
  const { db } = deps.store

  const show: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    const [shell, groups, state] = await Promise.all([
      openShell(deps, req, 'Your account'),
      listGroups(db, scope),
      findPasswordState(db, scope.person.id),
    ])
    const own = groups.filter(({ members }) => members.some(({ id }) => id === scope.person.id))
    const names = own.map(({ name }) => name)
    await render(res, 'account/show', presentAccount(shell, scope.person, { groups: names, state }))
  }

  const freshPassword: RequestHandler = async (req, res) => {
    await showForm(deps, req, res, UNPOSTED)
  }

  const changePassword: RequestHandler = async (req, res) => {
    const { person } = visitOf(req).scope
    const body: unknown = req.body
    const reading = await readChosenPassword(body, person)
    if (!reading.ok) {
      return showForm(deps, req, res.status(422), { body, mistakes: reading.mistakes })
    }
    try {
      const current = readCurrentPassword(body)
      await changeOwnPassword(deps, req, { current, password: reading.value })
    } catch (error) {
      const mistakes = mistakesAtForm(error, res)
      if (mistakes === undefined) throw error
      return showForm(deps, req, res, { body, mistakes })
    }
    await renew(deps, req)
    await flash(req, 'ok', 'Your password is changed. Your other sign-ins have ended.')
    res.redirect(303, '/account')
  }

  return { show, freshPassword, changePassword }
}

/** The sign-in goes on under a new cookie: whoever had copied the old one holds nothing. */
async function renew({ signIns }: AccountDeps, req: Request): Promise<void> {
  const { scope, origin } = visitOf(req)
  if (origin.signInId !== undefined) await signIns.start(req, scope.person, origin.signInId)
}

/** What goes wrong with the fields is said at them; undefined: it is something else. */
function mistakesAtForm(error: unknown, res: Response): FieldMistakes | undefined {
  if (error instanceof TooManyTries) {
    res.status(429).set('retry-after', String(error.facts['retryAfter']))
    return { currentPassword: error.message }
  }
  const mistakes = mistakesOf(error)
  if (Object.keys(mistakes).length === 0) return undefined
  res.status(422)
  return mistakes
}

async function showForm(
  deps: AccountDeps,
  req: Request,
  res: Response,
  posted: Posted,
): Promise<void> {
  const { person } = visitOf(req).scope
  const { page } = await openShell(deps, req, 'Change your password')
  const form = {
    href: '/account/password',
    username: person.username,
    heading: 'Change your password',
    lead: person.mustChangePassword
      ? 'Your password was set for you: choose your own before you go on.'
      : 'It ends your other sign-ins and any open reset link. API tokens go on working.',
    button: 'Change password',
    asksCurrent: true,
  }
  await render(res, 'password/fresh', {
    ...presentFreshPassword(page, form, posted),
    back: person.mustChangePassword ? undefined : { href: '/account', label: 'Back' },
  })
}
