import type { Request, RequestHandler, Response } from 'express'
import { getFactors } from '../../db/mfa-factors.ts'
import { addPasskey, removePasskey } from '../../db/mfa-passkeys.ts'
import { getMfaPolicy } from '../../db/mfa-policy.ts'
import { keepCodes } from '../../db/mfa-recovery.ts'
import { violates, type Transaction } from '../../db/store.ts'
import { InvalidRequest, mistakesOf, NotFound } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { readPasskeyName } from '../forms/mfa.ts'
import { OWN_FACTORS, standingOf } from '../mfa/demand.ts'
import { askForNewPasskey, findNewPasskey } from '../mfa/passkeys.ts'
import { hashRecoveryCode, makeRecoveryCodes } from '../mfa/recovery-codes.ts'
import { findRelyingParty } from '../mfa/relying-party.ts'
import { UNPOSTED, type Posted } from '../presenters/administration.ts'
import { presentCodes, presentOwnFactors } from '../presenters/mfa.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { uuidIn } from '../uuid-address.ts'
import { visitOf } from '../visit.ts'
import { trustFreshFactor, type MfaDeps } from './mfa-proof.ts'

/** A person's own second factors: what they have, their passkeys and recovery codes. */
export function ownFactorPages(deps: MfaDeps) {
  const { store } = deps

  const show: RequestHandler = (req, res) => showOwn(deps, req, res, UNPOSTED)

  const challenge: RequestHandler = async (req, res) => {
    res.json(await askForNewPasskey(deps, req, visitOf(req).scope.person))
  }

  const addKey: RequestHandler = async (req, res) => {
    try {
      await addOwnPasskey(deps, req)
    } catch (error) {
      const mistakes = mistakesOf(error)
      if (Object.keys(mistakes).length === 0) throw error
      return showOwn(deps, req, res.status(422), { body: req.body, mistakes })
    }
    await answerAdded(deps, req, res, 'Your passkey counts from now on.')
  }

  const removeKey: RequestHandler = async (req, res) => {
    const { scope, origin } = visitOf(req)
    const passkey = { owner: scope.person, id: uuidIn(req) }
    if (!(await store.change((tx) => removePasskey(tx, origin, passkey)))) throw new NotFound()
    await flash(req, 'ok', 'The passkey does not count any more.')
    res.redirect(303, OWN_FACTORS)
  }

  const remakeCodes: RequestHandler = async (req, res) => {
    const { person } = visitOf(req).scope
    const { totp, passkeys } = await getFactors(store.db, person.id)
    if (totp === null && passkeys.length === 0) throw new NotFound()
    await showCodes(deps, req, res)
  }

  return {
    show,
    challenge,
    addKey,
    removeKey,
    remakeCodes,
    /** Reloading the answer to a post lands here. */
    back: ((_req, res) => res.redirect(303, OWN_FACTORS)) as RequestHandler,
  }
}

async function showOwn(deps: MfaDeps, req: Request, res: Response, posted: Posted): Promise<void> {
  const { db } = deps.store
  const { person, organization } = visitOf(req).scope
  const [shell, factors, policy, standing] = await Promise.all([
    openShell(deps, req, 'Second factors'),
    getFactors(db, person.id),
    getMfaPolicy(db, organization.id),
    standingOf(deps, req, person.id),
  ])
  const item = req.session.interrupted?.item
  const material = {
    factors,
    totpAllowed: policy.totp,
    passkeysWork: findRelyingParty(deps.config.publicUrl) !== undefined,
    isDemanded: standing.isRequired && !standing.hasFactor,
    next: item === OWN_FACTORS ? undefined : item,
  }
  await render(res, 'mfa/own', presentOwnFactors(shell, material, posted))
}

/** Errors: `invalid_request`. */
async function addOwnPasskey(deps: MfaDeps, req: Request): Promise<void> {
  const { scope, origin } = visitOf(req)
  const owner = scope.person
  const body: unknown = req.body
  const name = readPasskeyName(body)
  if (!name.ok) throw new InvalidRequest(name.mistakes)
  const found = await findNewPasskey(deps, req, { owner, text: fieldsOf(body).text('passkey') })
  if (found === undefined) throw new InvalidRequest({ name: NO_PASSKEY })
  const passkey = { ...found, name: name.value }
  try {
    await deps.store.change((tx) => addPasskey(tx, origin, { owner, passkey }))
  } catch (error) {
    if (violates(error, 'passkeys_are_of_one')) throw new InvalidRequest({ name: NO_PASSKEY })
    throw error
  }
}

const NO_PASSKEY = 'The authenticator gave no passkey that can be kept here. Try again.'

/** Shows recovery codes with the first factor, and goes on from the others. */
export async function answerAdded(
  deps: MfaDeps,
  req: Request,
  res: Response,
  said: string,
): Promise<void> {
  const { codesLeft } = await getFactors(deps.store.db, visitOf(req).scope.person.id)
  await trustFreshFactor(deps, req)
  if (codesLeft === 0) return showCodes(deps, req, res)
  await flash(req, 'ok', said)
  res.redirect(303, OWN_FACTORS)
}

async function showCodes(deps: MfaDeps, req: Request, res: Response): Promise<void> {
  const { scope, origin } = visitOf(req)
  const codes = makeRecoveryCodes()
  const hashes = codes.flatMap((code) => hashRecoveryCode(code) ?? [])
  await deps.store.change((tx: Transaction) =>
    keepCodes(tx, origin, { owner: scope.person, hashes }),
  )
  const { page } = await openShell(deps, req, 'Recovery codes')
  const next = { href: OWN_FACTORS, label: 'I have kept them' }
  await render(res, 'mfa/codes', presentCodes(page, { codes, next }))
}
