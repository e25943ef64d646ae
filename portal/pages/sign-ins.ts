import type { Request, RequestHandler } from 'express'
import { isAuditUser } from '../../db/audit-filter.ts'
import { listSignInRecords } from '../../db/sign-in-records.ts'
import { listSignIns, type SignIn } from '../../db/sign-in-lists.ts'
import {
  getSignIn,
  terminateSignIn,
  whyNotEnded,
  whyNotLocked,
} from '../administration/sign-ins.ts'
import { remember, rememberedBy } from '../audit-preferences.ts'
import { frameFor } from '../audit-sessions.ts'
import type { PortalDeps } from '../deps.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readOperationSearch } from '../forms/sign-in-operations.ts'
import { readSignInList, type SignInListForm } from '../forms/sign-in-list.ts'
import type { Zones } from '../presenters/moments.ts'
import { OPERATION_COLUMNS, presentSignIn, type OperationFacts } from '../presenters/sign-in.ts'
import { listPairs, presentSignIns, zonesFor } from '../presenters/sign-ins.ts'
import type { SignInDetails } from '../presenters/sign-in-pages.ts'
import { visible } from '../presenters/visible.ts'
import { mayEndSignIns, maySeeAdministration, maySeeSignIns, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** Who is and was signed in to the portal, what they did there, and the end of it. */
export function signInListPages(deps: PortalDeps) {
  const index: RequestHandler = async (req, res) => {
    orNotFound(maySeeSignIns(visitOf(req).scope))
    const { form, zones, page } = await open(deps, req)
    await draw(deps, req, res, { form, zones, page })
  }

  const show: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(maySeeSignIns(scope))
    const signIn = await getSignIn(deps, scope, req.params['id'])
    const { form, zones, page } = await open(deps, req, signIn)
    const details = await detailsOf(deps, req, { signIn, form, zones })
    await draw(deps, req, res, { form, zones, page, details })
  }

  const terminate: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    orNotFound(maySeeSignIns(visit.scope) && mayEndSignIns(visit.scope))
    const signIn = await getSignIn(deps, visit.scope, req.params['id'])
    const fields = fieldsOf(req.body)
    const lock = fields.text('lock') === 'true'
    await terminateSignIn(deps, visit, signIn, { reason: fields.text('reason'), lock })
    const name = visible(signIn.person.displayName)
    await flash(
      req,
      'ok',
      lock
        ? `${name} is locked, and all their sign-ins have ended.`
        : `This sign-in of ${name} has ended. Their other sign-ins go on.`,
    )
    res.redirect(303, `/sign-ins/${signIn.id}`)
  }

  /** Reloading the answer to a post leads back. */
  const back: RequestHandler = (req, res) => {
    res.redirect(303, req.path.replace(/\/termination\/?$/, ''))
  }

  return { index, show, terminate, back }
}

async function open(deps: PortalDeps, req: Request, signIn?: SignIn) {
  const { scope } = visitOf(req)
  const isAuditor = deps.config.portal.mode && isAuditUser(scope)
  const { page, zones } = await openShell(
    deps,
    req,
    signIn === undefined ? 'User sign-ins' : `Sign-in of ${signIn.person.displayName}`,
    isAuditor && !maySeeAdministration(scope) ? '/audit' : '/sign-ins',
  )
  const remembered = await rememberedBy(deps, scope, zones)
  const form = readSignInList(req.query, zones, {
    remembered: remembered.zone,
    ...(signIn === undefined ? {} : { at: signIn.startedAt }),
  })
  await remember(deps, req, { scope, form, before: remembered.kept })
  return { form, zones, page }
}

async function draw(
  deps: PortalDeps,
  req: Request,
  res: Parameters<RequestHandler>[1],
  {
    form,
    details,
    ...shell
  }: Awaited<ReturnType<typeof open>> & { readonly details?: SignInDetails },
): Promise<void> {
  const { scope } = visitOf(req)
  const found = await listSignIns(deps.store.db, scope, form.filter, { cursor: form.place })
  if (Object.keys(form.mistakes).length > 0) res.status(422)
  const isAuditor = deps.config.portal.mode && isAuditUser(scope)
  await render(res, 'sign-ins/index', presentSignIns({ ...shell, form, found, isAuditor, details }))
}

async function detailsOf(
  deps: PortalDeps,
  req: Request,
  list: { readonly signIn: SignIn; readonly form: SignInListForm; readonly zones: Zones },
): Promise<SignInDetails> {
  const visit = visitOf(req)
  const { signIn, form, zones } = list
  return presentSignIn({
    signIn,
    zones: zonesFor(form, zones),
    pairs: listPairs(form),
    mayOpenUser: maySeeAdministration(visit.scope),
    ending: mayEndSignIns(visit.scope)
      ? { notEnded: whyNotEnded(visit, signIn), notLocked: whyNotLocked(visit, signIn) }
      : undefined,
    operations: await operationsOf(deps, req, list),
  })
}

/** Undefined for who may not read the trail, whatever else they may do. */
async function operationsOf(
  deps: PortalDeps,
  req: Request,
  { signIn, form, zones }: { signIn: SignIn; form: SignInListForm; zones: Zones },
): Promise<OperationFacts | undefined> {
  const { scope } = visitOf(req)
  if (!deps.config.portal.mode || !isAuditUser(scope)) return undefined
  const { q, place, typed, mistake } = readOperationSearch(req.query)
  const found = await listSignInRecords(deps.store.db, scope, signIn, { q, cursor: place })
  const frame = await frameFor(deps, scope, {
    zone: form.zone,
    zones,
    columns: OPERATION_COLUMNS,
    records: found.records,
  })
  return { found, frame, q: typed, mistake, position: place?.position ?? 0 }
}
