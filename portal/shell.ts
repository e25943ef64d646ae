import type { Request } from 'express'
import { countOpenAlerts } from '../db/alert-lists.ts'
import { listDecidableExtensions } from '../db/extensions.ts'
import { listNearEnds } from '../db/session-endings.ts'
import { listSessions } from '../db/sessions.ts'
import { getTimeZone } from '../db/settings.ts'
import { csrfTokenFor } from './csrf.ts'
import type { PortalDeps } from './deps.ts'
import { presentPage } from './presenters/page.ts'
import type { Zones } from './presenters/moments.ts'
import type { Page } from './presenters/pieces.ts'
import { REMINDED_WITHIN } from './presenters/reminders.ts'
import { mayOversee } from './privileges.ts'
import { saveSignIn } from './sign-in.ts'
import { findVisit } from './visit.ts'

/** The frame of a page and the zones its times are shown in. */
export interface Shell {
  readonly page: Page
  readonly zones: Zones
}

/**
 * Reads what the frame of a page shows of this request; takes the flash, which shows once. `path`
 * is the entry of the menu to mark, where the request's own address is not below it.
 */
export async function openShell(
  deps: PortalDeps,
  req: Request,
  title: string,
  path = req.path,
): Promise<Shell> {
  const zones = zonesOf(deps, req)
  const page = await openPage(deps, req, { title, path, zones })
  return { page, zones: await zones }
}

/** As openShell, for a page that has asked for its zones already. */
export async function openPage(
  deps: PortalDeps,
  req: Request,
  { title, path = req.path, zones }: PageWish,
): Promise<Page> {
  const scope = findVisit(req)?.scope
  const portalMode = deps.config.portal.mode
  const [{ central }, waiting, ends, alerts] = await Promise.all([
    zones,
    scope !== undefined && portalMode ? countDecidable(deps, scope) : 0,
    scope !== undefined && portalMode
      ? listNearEnds(deps.store.db, scope.person.id, REMINDED_WITHIN)
      : [],
    scope !== undefined && mayOversee(scope) ? countOpenAlerts(deps.store.db, scope) : 0,
  ])
  return presentPage({
    title,
    path,
    scope,
    // a token makes a row in the store: strangers get one with the sign-in form alone
    csrfToken: scope === undefined ? '' : csrfTokenFor(req),
    flash: takeFlash(req),
    zone: central,
    waiting,
    alerts,
    ends,
    portalMode,
  })
}

interface PageWish {
  readonly title: string
  readonly path?: string
  readonly zones: Zones | Promise<Zones>
}

/** The zones of this request's reader. */
export async function zonesOf({ store }: PortalDeps, req: Request): Promise<Zones> {
  return { central: await getTimeZone(store.db), own: req.session.zone }
}

/** A frame that needs neither store nor sign-in: for errors that may come from either. */
export function bareShell(title: string): Shell {
  const facts = { title, path: '', csrfToken: '', zone: 'UTC', waiting: 0, portalMode: false }
  return { page: presentPage(facts), zones: { central: 'UTC' } }
}

/**
 * Says something on the next page this person sees. It is kept by the time this returns: what is
 * only changed is saved after the head of the answer, and a browser follows a redirect at once.
 */
export async function flash(req: Request, kind: 'ok' | 'error', text: string): Promise<void> {
  req.session.flash = { kind, text }
  await saveSignIn(req)
}

/**
 * True for what a page's script asks for by itself. A sign-in is written whole: what such a request
 * kept in it would undo what a form that was sent meanwhile has just said there.
 */
export function isPart(req: Request): boolean {
  return req.get('x-daypass-part') !== undefined
}

function takeFlash(req: Request): Page['flash'] {
  // parts show no flash, so they must not use it up
  if (isPart(req)) return undefined
  const { flash: said } = req.session
  // deleting a field that isn't there would still rewrite the sign-in
  if (said !== undefined) delete req.session.flash
  return said
}

/** The number beside "Pending Approvals" stops counting here. */
const COUNT_LIMIT = 100

async function countDecidable(
  { store }: PortalDeps,
  scope: Parameters<typeof listSessions>[1],
): Promise<number> {
  const filter = { decidableByMe: true, limit: COUNT_LIMIT }
  const [requests, extensions] = await Promise.all([
    listSessions(store.db, scope, filter),
    listDecidableExtensions(store.db, scope, COUNT_LIMIT),
  ])
  return Math.min(COUNT_LIMIT, requests.length + extensions.length)
}
