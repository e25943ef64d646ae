import type { Request, RequestHandler, Response } from 'express'
import { isSetupLinkOpen } from '../../db/first-admin.ts'
import { isMailOpen } from '../../db/mail-service.ts'
import {
  findLinkBySecret,
  findLinkedPerson,
  useLink,
  type LinkedPerson,
} from '../../db/password-links.ts'
import { getDefaultOrganization, getOrganization } from '../../db/people.ts'
import { setPassword } from '../../db/passwords.ts'
import { openAttempts } from '../attempts.ts'
import { csrfTokenFor } from '../csrf.ts'
import { TooManyTries } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readChosenPassword } from '../forms/passwords.ts'
import { sendResetLetters } from '../forgotten-password.ts'
import { openLater } from '../later.ts'
import { hashPassword } from '../passwords.ts'
import { presentFreshPassword, presentWorthlessLink } from '../presenters/passwords.ts'
import type { Page } from '../presenters/pieces.ts'
import type { PortalDeps } from '../deps.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { saveSignIn } from '../sign-in.ts'
import { originOf } from '../visit.ts'

declare module 'express-session' {
  interface SessionData {
    /** The link this browser came by, by its id: its secret is kept nowhere. */
    passwordLink?: string
  }
}

/** Links that set a password, and asking for one. */
export function passwordPages(deps: PortalDeps) {
  return { ...linkPages(deps), ...forgottenPages(deps) }
}

function linkPages(deps: PortalDeps) {
  const { store } = deps

  /** Opening a link uses nothing up: mail scanners open every link they see. */
  const open: RequestHandler = async (req, res) => {
    res.set('referrer-policy', 'no-referrer')
    const link = await findLinkBySecret(store.db, fieldsOf(req.query).text('secret'))
    const isSetup = link?.purpose === 'setup'
    if (link === undefined || (isSetup && !(await isSetupLinkOpen(store.db, link.id)))) {
      return answerWorthless(deps, req, res)
    }
    req.session.passwordLink = link.id
    await saveSignIn(req)
    // the secret leaves the address bar, so that no page, picture or history has it from there
    res.redirect(303, isSetup ? '/setup' : '/password/new')
  }

  const fresh: RequestHandler = async (req, res) => {
    const linked = await findLinked(deps, req)
    if (linked === undefined) return answerWorthless(deps, req, res)
    const page = await openDoor(deps, req, 'Choose a password')
    await render(res, 'password/fresh', presentFreshPassword(page, formFor(linked)))
  }

  const create: RequestHandler = async (req, res) => {
    const linked = await findLinked(deps, req)
    if (linked === undefined) return answerWorthless(deps, req, res)
    const { person } = linked
    const reading = await readChosenPassword(req.body, person)
    if (!reading.ok) {
      const page = await openDoor(deps, req, 'Choose a password')
      const { mistakes } = reading
      res.status(422)
      const posted = { body: req.body as unknown, mistakes }
      return render(res, 'password/fresh', presentFreshPassword(page, formFor(linked), posted))
    }
    if (!(await useUp(deps, req, { linked, password: reading.value }))) {
      return answerWorthless(deps, req, res)
    }
    delete req.session.passwordLink
    await flash(req, 'ok', `The password of ${person.username} is set. Sign in with it.`)
    res.redirect(303, '/sign-in')
  }

  return { open, fresh, create }
}

function forgottenPages(deps: PortalDeps) {
  const { db } = deps.store
  const later = openLater(deps)
  // counts of its own: whoever asks for letters in somebody's name holds up no sign-in
  const attempts = openAttempts(deps, 'forgotten password')

  const forgotten: RequestHandler = async (req, res) => {
    const isSent = fieldsOf(req.query).text('sent') === 'yes'
    await showForgotten(deps, req, res, { state: isSent ? 'sent' : 'ask' })
  }

  const send: RequestHandler = async (req, res) => {
    const name = fieldsOf(req.body).text('name')
    if (!(await isMailOpen(db))) return showForgotten(deps, req, res, { state: 'ask' })
    if (name === '') {
      res.status(422)
      return showForgotten(deps, req, res, { error: 'Give your username or e-mail address.' })
    }
    try {
      await attempts.begin(req.ip ?? 'unknown', name)
    } catch (error) {
      if (!(error instanceof TooManyTries)) throw error
      res.status(429).set('retry-after', String(error.facts['retryAfter']))
      return showForgotten(deps, req, res, { name, error: error.message })
    }
    const where = originOf(req, await getDefaultOrganization(db))
    // looked up behind the answer: neither its words nor its time tell whether anybody has the name
    res.on('close', () =>
      later('a letter to who forgot', () => sendResetLetters(deps, where, name)),
    )
    res.redirect(303, '/password/forgotten?sent=yes')
  }

  return { forgotten, send }
}

async function showForgotten(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { state = 'ask', name = '', error }: { state?: 'ask' | 'sent'; name?: string; error?: string },
): Promise<void> {
  const isOpen = await isMailOpen(deps.store.db)
  const open = isOpen && state === 'ask' ? openDoor : openWithoutForm
  const page = await open(deps, req, 'Forgot your password?')
  await render(res, 'password/forgotten', {
    page,
    state: isOpen ? state : 'off',
    name: { value: name, error },
  })
}

async function useUp(
  { store }: PortalDeps,
  req: Request,
  { linked, password }: { linked: LinkedPerson; password: string },
): Promise<boolean> {
  const { person, linkId } = linked
  const passwordHash = await hashPassword(password)
  const origin = {
    ...originOf(req, await getOrganization(store.db, person.organizationId)),
    actor: { type: person.kind, id: person.id, name: person.username },
  }
  return store.change(async (tx) => {
    if (!(await useLink(tx, linkId))) return false
    await setPassword(tx, origin, { person, passwordHash, way: 'link', mustChange: false })
    return true
  })
}

async function findLinked({ store }: PortalDeps, req: Request): Promise<LinkedPerson | undefined> {
  const { passwordLink } = req.session
  return passwordLink === undefined ? undefined : findLinkedPerson(store.db, passwordLink)
}

function formFor({ person, purpose }: LinkedPerson) {
  const lead =
    purpose === 'invitation'
      ? 'Welcome to Daypass. With this password you will sign in.'
      : 'It takes the place of the old one, and ends every sign-in of yours.'
  return {
    href: '/password/new',
    username: person.username,
    heading: 'Choose a password',
    lead,
    button: 'Set password',
    asksCurrent: false,
  }
}

/** The same for every link that is worth nothing, whatever made it so. */
export async function answerWorthless(
  deps: PortalDeps,
  req: Request,
  res: Response,
): Promise<void> {
  const page = await openWithoutForm(deps, req, 'This link does not work')
  res.status(404)
  await render(res, 'password/worthless', presentWorthlessLink(page))
}

/** The frame of a page for strangers, with the token that its form carries. */
export async function openDoor(deps: PortalDeps, req: Request, title: string): Promise<Page> {
  const { page } = await openShell(deps, req, title)
  return { ...page, csrfToken: csrfTokenFor(req) }
}

/** A token makes a row in the store, which a stranger who sends nothing needs not. */
async function openWithoutForm(deps: PortalDeps, req: Request, title: string): Promise<Page> {
  return (await openShell(deps, req, title)).page
}
