import type { Request, RequestHandler, Response } from 'express'
import { getMfaPolicy } from '../../db/mfa-policy.ts'
import { aboutTotp, confirmTried, findTried, keepTried, removeTotp } from '../../db/mfa-totp.ts'
import { storeTime } from '../../db/store.ts'
import { NotFound } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { OWN_FACTORS } from '../mfa/demand.ts'
import { openOwn, sealToSelf } from '../mfa/own-key.ts'
import { findTotpStep, makeTotpSecret, totpUri } from '../mfa/totp.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentTotp } from '../presenters/mfa.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'
import { answerAdded } from './mfa-own.ts'
import type { MfaDeps } from './mfa-proof.ts'

const APP = `${OWN_FACTORS}/totp`

/** A person's own authenticator app: its secret is shown until its first right code, and never again. */
export function ownAppPages(deps: MfaDeps) {
  const { store } = deps

  const begin: RequestHandler = async (req, res) => {
    const { person, organization } = visitOf(req).scope
    if (!(await getMfaPolicy(store.db, organization.id)).totp) throw new NotFound()
    const secret = makeTotpSecret()
    const sealFor = (about: string): Buffer => sealToSelf(deps.config, secret, about)
    await store.change((tx) => keepTried(tx, person, sealFor))
    res.redirect(303, APP)
  }

  const app: RequestHandler = (req, res) => showApp(deps, req, res, UNPOSTED)

  const confirm: RequestHandler = async (req, res) => {
    const code = fieldsOf(req.body).text('code').replaceAll(/\s/g, '')
    const isConfirmed = await confirmApp(deps, req, code)
    if (isConfirmed)
      return answerAdded(deps, req, res, 'Your authenticator app counts from now on.')
    const mistakes = { code: 'This code does not fit. Look at the app and type what it shows now.' }
    await showApp(deps, req, res.status(422), { body: req.body, mistakes })
  }

  const removeApp: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    await store.change((tx) => removeTotp(tx, origin, scope.person))
    await flash(req, 'ok', 'Your authenticator app does not count any more.')
    res.redirect(303, OWN_FACTORS)
  }

  return { begin, app, confirm, removeApp }
}

async function showApp(deps: MfaDeps, req: Request, res: Response, posted: Posted): Promise<void> {
  const { person } = visitOf(req).scope
  const tried = await findTried(deps.store.db, person.id)
  // it waited for too long, or counts already
  if (tried === undefined) {
    res.redirect(303, OWN_FACTORS)
    return
  }
  const secret = openOwn(deps.config, tried.sealed, aboutTotp(tried.id))
  const host = deps.config.publicUrl.hostname
  const uri = totpUri(secret, { username: person.username, host })
  const { page } = await openShell(deps, req, 'Authenticator app')
  await render(res, 'mfa/app', presentTotp(page, { secret, uri }, posted))
}

async function confirmApp(deps: MfaDeps, req: Request, code: string): Promise<boolean> {
  const { scope, origin } = visitOf(req)
  const { db } = deps.store
  const owner = scope.person
  const tried = await findTried(db, owner.id)
  if (tried === undefined) return false
  const secret = openOwn(deps.config, tried.sealed, aboutTotp(tried.id))
  const step = findTotpStep(secret, code, (await storeTime(db)).toMillis())
  if (step === undefined) return false
  return deps.store.change((tx) => confirmTried(tx, origin, { owner, id: tried.id, step }))
}
