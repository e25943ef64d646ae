import type { Request, RequestHandler, Response } from 'express'
import { IANAZone } from 'luxon'
import { requestSession } from '../../broker/lifecycle.ts'
import { explainRoles, justificationRule } from '../../broker/policy.ts'
import { resolveWindow } from '../../broker/window.ts'
import { listDataSources } from '../../db/data-sources.ts'
import { findGlobalJustification } from '../../db/settings.ts'
import { storeTime } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf, type FieldMistakes } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import {
  readRequest,
  takeRequest,
  untouchedRequest,
  type TypedRequest,
} from '../forms/session-request.ts'
import type { Zones } from '../presenters/moments.ts'
import { presentFreshSession, presentPreview } from '../presenters/fresh-session.ts'
import { render } from '../render.ts'
import { flash, openShell, zonesOf, type Shell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** Request Access: the form, what it would mean, and the request itself. */
export function freshSessionPages(deps: PortalDeps) {
  const { store } = deps

  const fresh: RequestHandler = async (req, res) => {
    const chosen = fieldsOf(req.query).text('dataSource')
    const dataSource = chosen === '' ? await onlySource(deps, req) : chosen
    await renderForm(deps, req, res, {
      typed: untouchedRequest(dataSource, req.session.zone ?? 'central'),
      mistakes: {},
    })
  }

  const preview: RequestHandler = async (req, res) => {
    const typed = takeRequest(req.body)
    rememberZone(req, typed.zone)
    await renderForm(deps, req, res, { typed, mistakes: {}, wantsPreview: true })
  }

  const create: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const typed = takeRequest(req.body)
    rememberZone(req, typed.zone)
    const reading = readRequest(typed, await zonesOf(deps, req))
    if (!reading.ok) {
      return renderForm(deps, req, res.status(422), { typed, mistakes: reading.mistakes })
    }
    try {
      const session = await requestSession(store, scope, origin, reading.value)
      flash(req, 'ok', `Session ${session.id} was requested.`)
      res.redirect(303, `/sessions/${session.id}`)
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      await renderForm(deps, req, res.status(422), { typed, mistakes })
    }
  }

  /** Reloading the answer to a post lands here. */
  const back: RequestHandler = (_req, res) => res.redirect(303, '/sessions/new')

  return { fresh, preview, create, back }
}

/** A zone that a person picked is shown beside Central Manager's from then on; one that is none is not. */
function rememberZone(req: Request, choice: string): void {
  if (['', 'central', 'utc', req.session.zone].includes(choice)) return
  if (IANAZone.isValidZone(choice)) req.session.zone = choice
}

/** The browser's zone, where it said so, stands in for one that the person has not picked yet. */
function zonesToShow(req: Request, { zones }: Shell): Zones {
  const browsers = fieldsOf(req.body).text('browserZone')
  return { ...zones, own: zones.own ?? (IANAZone.isValidZone(browsers) ? browsers : undefined) }
}

async function onlySource(deps: PortalDeps, req: Request): Promise<string> {
  const sources = await listDataSources(deps.store.db, visitOf(req).scope)
  const [first, second] = sources.filter(({ disabledAt }) => disabledAt === null)
  return first !== undefined && second === undefined ? first.name : ''
}

interface FormState {
  readonly typed: TypedRequest
  readonly mistakes: FieldMistakes
  readonly wantsPreview?: boolean
}

async function renderForm(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { typed, mistakes, wantsPreview = false }: FormState,
): Promise<void> {
  const { db } = deps.store
  const { scope } = visitOf(req)
  const shell = await openShell(deps, req, 'Request Access', '/sessions/new')
  const sources = (await listDataSources(db, scope)).filter(({ disabledAt }) => disabledAt === null)
  const source = sources.find(
    ({ name, id }) => name === typed.dataSource || id === typed.dataSource,
  )
  const roles = source === undefined ? [] : await explainRoles(db, scope, source.id)
  const rule = source && justificationRule(source, await findGlobalJustification(db))
  const reading = wantsPreview ? readRequest(typed, shell.zones) : undefined
  const chosen = roles.filter(({ name }) => typed.roles.includes(name))
  const now = await storeTime(db)
  const resolved =
    reading?.ok === true && chosen.length > 0
      ? resolveWindow(reading.value, chosen, now)
      : undefined
  const window = resolved !== undefined && 'window' in resolved ? resolved.window : undefined
  const found = {
    ...mistakes,
    ...(reading?.ok === false ? reading.mistakes : {}),
    ...(resolved !== undefined && 'faults' in resolved ? resolved.faults : {}),
  }
  if (Object.keys(found).length > 0) res.status(422)
  const lapses = window?.kind === 'fixed' ? window.end : now.plus({ days: LIFE_DAYS })
  const page = presentFreshSession({
    shell,
    sources,
    roles,
    typed: source === undefined ? typed : { ...typed, dataSource: source.name },
    mistakes: found,
    justificationHint: rule === undefined || rule.message === '' ? undefined : rule.message,
    preview: window && presentPreview(window, chosen, { zones: zonesToShow(req, shell), lapses }),
  })
  await render(res, 'sessions/fresh', page)
}

/** As the broker has it: how long a request that counts from approval waits for it. */
const LIFE_DAYS = 7
