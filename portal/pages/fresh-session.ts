import type { Request, RequestHandler, Response } from 'express'
import { IANAZone } from 'luxon'
import { requestSession } from '../../broker/sessions/lifecycle.ts'
import { explainRoles, justificationRule, type OfferedRole } from '../../broker/policy/policy.ts'
import { findRepetition, repeatSession } from '../../broker/sessions/repetition.ts'
import { resolveRequest } from '../../broker/sessions/window.ts'
import { listDataSources } from '../../db/data-sources.ts'
import { getRequestLife } from '../../db/request-life.ts'
import { findGlobalJustification } from '../../db/settings.ts'
import { storeTime } from '../../db/store.ts'
import { parseSessionId, type SessionId } from '../../lib/ids.ts'
import type { Session } from '../../broker/sessions/session.ts'
import type { PortalDeps } from '../deps.ts'
import { mistakesOf, NotFound, type FieldMistakes } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import {
  addressedRequest,
  readRequest,
  repeatedRequest,
  takeRequest,
  type TypedRequest,
} from '../forms/session-request.ts'
import { readNames } from '../names.ts'
import type { Zones } from '../presenters/moments.ts'
import { presentFreshSession, presentPreview } from '../presenters/fresh-session.ts'
import { visible } from '../presenters/visible.ts'
import { render } from '../render.ts'
import { sessionIdIn } from '../session-address.ts'
import { flash, isPart, openShell, zonesOf, type Shell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** Request Access: the form, what it would mean, and the request itself. */
export function freshSessionPages(deps: PortalDeps) {
  const { store } = deps

  const fresh: RequestHandler = async (req, res) => {
    const again = fieldsOf(req.query).text('again')
    const typed =
      again === ''
        ? await typedInAddress(deps, req)
        : await typedAgain(deps, req, parseSessionId(again))
    const wantsPreview = typed.roles.length > 0
    await renderForm(deps, req, res, { typed, mistakes: {}, wantsPreview, isAddress: true })
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
      await requested(req, res, await requestSession(store, scope, origin, reading.value))
    } catch (error) {
      await renderForm(deps, req, res.status(422), { typed, mistakes: knownMistakes(error) })
    }
  }

  /** The same request again, with one click; what the rules refuse by now comes back as the form. */
  const repeat: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const id = sessionIdIn(req)
    try {
      await requested(req, res, await repeatSession(store, scope, origin, id))
    } catch (error) {
      const mistakes = knownMistakes(error)
      const typed = await typedAgain(deps, req, id)
      await renderForm(deps, req, res.status(422), { typed, mistakes })
    }
  }

  /** Reloading the answer to a post lands here. */
  const back: RequestHandler = (_req, res) => res.redirect(303, '/sessions/new')

  return { fresh, preview, create, repeat, back }
}

async function requested(req: Request, res: Response, { id }: Session): Promise<void> {
  await flash(req, 'ok', `Session ${id} was requested.`)
  res.redirect(303, `/sessions/${id}`)
}

/** The sentences by field that a refusal carries; anything else goes on to where errors are shown. */
function knownMistakes(error: unknown): FieldMistakes {
  const mistakes = mistakesOf(error)
  if (Object.keys(mistakes).length === 0) throw error
  return mistakes
}

/** What the address fills in; where there is one data source only, nobody has to name it. */
async function typedInAddress(deps: PortalDeps, req: Request): Promise<TypedRequest> {
  const typed = addressedRequest(req.query, zoneIn(req))
  return typed.dataSource === '' ? { ...typed, dataSource: await onlySource(deps, req) } : typed
}

/** What an address asks for that nobody could have picked, in a sentence for each field. */
function addressMistakes(
  typed: TypedRequest,
  source: { readonly name: string } | undefined,
  roles: readonly OfferedRole[],
): FieldMistakes {
  if (typed.dataSource === '') return {}
  if (source === undefined) {
    return { dataSource: `There is no data source ${visible(typed.dataSource)} to ask for.` }
  }
  const sentences = typed.roles.flatMap((name) => {
    const role = roles.find((offered) => offered.name === name)
    if (role === undefined) return `There is no role ${visible(name)} on ${visible(source.name)}.`
    return role.refusal ?? []
  })
  return sentences.length === 0 ? {} : { roles: sentences.join(' ') }
}

async function typedAgain(
  { store }: PortalDeps,
  req: Request,
  id: SessionId | undefined,
): Promise<TypedRequest> {
  if (id === undefined) throw new NotFound()
  const again = await findRepetition(store.db, visitOf(req).scope, id)
  return repeatedRequest(again, zoneIn(req))
}

function zoneIn(req: Request): string {
  return req.session.zone ?? 'central'
}

/** A zone that a person picked is shown beside Central Manager's from then on; one that is none is not. */
function rememberZone(req: Request, choice: string): void {
  if (isPart(req) || ['', 'central', 'utc', req.session.zone].includes(choice)) return
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
  /** Nobody has sent it: the address fills it in. */
  readonly isAddress?: boolean
}

async function renderForm(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { typed, mistakes, wantsPreview = false, isAddress = false }: FormState,
): Promise<void> {
  const { db } = deps.store
  const { scope } = visitOf(req)
  const shell = await openShell(deps, req, 'Request Access', '/sessions/new')
  const sources = (await listDataSources(db, scope)).filter(({ disabledAt }) => disabledAt === null)
  const source = sources.find(
    ({ name, id }) => name === typed.dataSource || id === typed.dataSource,
  )
  const roles = source === undefined ? [] : await explainRoles(db, scope, source.id)
  const names = await readNames(db, scope, { ids: roles.flatMap((role) => role.approverIds) })
  const rule = source && justificationRule(source, await findGlobalJustification(db))
  const reading = wantsPreview ? readRequest(typed, shell.zones) : undefined
  const chosen = roles.filter(
    ({ name, refusal }) => typed.roles.includes(name) && !(isAddress && refusal !== undefined),
  )
  const now = await storeTime(db)
  const reach = { now, lifeMinutes: await getRequestLife(db, scope.organization.id) }
  const resolved =
    reading?.ok === true && chosen.length > 0
      ? resolveRequest(reading.value, chosen, reach)
      : undefined
  const meant = resolved !== undefined && 'window' in resolved ? resolved : undefined
  const found = {
    ...mistakes,
    ...(isAddress ? addressMistakes(typed, source, roles) : {}),
    ...(reading?.ok === false ? reading.mistakes : {}),
    ...(resolved !== undefined && 'faults' in resolved ? resolved.faults : {}),
  }
  if (Object.keys(found).length > 0 && !isAddress) res.status(422)
  const page = presentFreshSession({
    shell,
    sources,
    roles,
    names,
    typed: source === undefined ? typed : { ...typed, dataSource: source.name },
    mistakes: found,
    justificationHint: rule === undefined || rule.message === '' ? undefined : rule.message,
    preview: meant && presentPreview(meant, chosen, { zones: zonesToShow(req, shell), names }),
  })
  await render(res, 'sessions/fresh', page)
}
