import type { Request } from 'express'
import type { FactorKind, Owner } from '../../db/mfa-factors.ts'
import { useCode } from '../../db/mfa-recovery.ts'
import { aboutTotp, findConfirmed, useStep } from '../../db/mfa-totp.ts'
import type { Origin } from '../../db/scope.ts'
import { recordWrongFactor } from '../../db/step-up.ts'
import { storeTime } from '../../db/store.ts'
import type { Attempts, CodeTries } from '../attempts.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, TooManyTries } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { openOwn } from './own-key.ts'
import { isSigned } from './passkeys.ts'
import { hashRecoveryCode } from './recovery-codes.ts'
import { findTotpStep } from './totp.ts'

export interface ProofDeps extends PortalDeps {
  /** Counts second factors, apart from passwords. */
  readonly factorAttempts: Attempts
  readonly codeTries: CodeTries
}

/** Who gives a second factor, and what a record says of it where it is wrong. */
export interface Prover {
  readonly owner: Owner
  readonly origin: Origin
}

/**
 * The second factor that the posted form holds, used up by this. Wrong ones are counted, slowed and
 * recorded. Errors: `invalid_request`, `too_many_tries`.
 */
export async function proveFactor(
  deps: ProofDeps,
  req: Request,
  prover: Prover,
): Promise<FactorKind> {
  const form = readProof(req.body)
  const address = req.ip ?? 'unknown'
  const { owner } = prover
  try {
    await deps.factorAttempts.begin(address, owner.id)
    // neither a signature nor eighty bits are guessed, so these ways stay open
    if (form.factor === 'totp') await deps.codeTries.begin(owner.id)
  } catch (error) {
    if (error instanceof TooManyTries && error.isFirst)
      await note(deps, prover, { factor: form.factor, reason: error.message })
    throw error
  }
  if (!(await isRight(deps, req, owner, form))) {
    const reason = WRONG[form.factor]
    await note(deps, prover, { factor: form.factor, reason })
    throw new InvalidRequest({ [form.factor === 'passkey' ? 'passkey' : 'code']: reason })
  }
  await deps.factorAttempts.succeed(address, owner.id)
  if (form.factor === 'totp') await deps.codeTries.succeed(owner.id)
  return form.factor
}

/** The same for one that is used up and one that never was. */
const WRONG: Readonly<Record<FactorKind, string>> = {
  totp: 'This code does not fit, or was used already. Wait for the next one.',
  recovery_code: 'This is neither a code of your app nor a recovery code that is left.',
  passkey: 'The passkey did not sign what it was asked for. Try again.',
}

interface ProofForm {
  readonly factor: FactorKind
  readonly text: string
}

function readProof(body: unknown): ProofForm {
  const fields = fieldsOf(body)
  const passkey = fields.text('passkey')
  if (passkey !== '') return { factor: 'passkey', text: passkey }
  const code = fields.text('code').replaceAll(/\s/g, '')
  return { factor: /^\d{1,8}$/.test(code) ? 'totp' : 'recovery_code', text: code }
}

function isRight(
  deps: PortalDeps,
  req: Request,
  owner: Owner,
  { factor, text }: ProofForm,
): Promise<boolean> {
  if (factor === 'passkey') return isSigned(deps, req, { owner, text })
  return factor === 'totp' ? isNextCode(deps, owner, text) : isCodeLeft(deps, owner, text)
}

async function isNextCode({ store, config }: PortalDeps, owner: Owner, code: string) {
  const kept = await findConfirmed(store.db, owner.id)
  if (kept === undefined) return false
  const secret = openOwn(config, kept.sealed, aboutTotp(kept.id))
  const step = findTotpStep(secret, code, (await storeTime(store.db)).toMillis())
  return step !== undefined && useStep(store.db, kept, step)
}

async function isCodeLeft({ store }: PortalDeps, owner: Owner, code: string) {
  const hash = hashRecoveryCode(code)
  return hash !== undefined && useCode(store.db, owner.id, hash)
}

function note(
  { store }: PortalDeps,
  { origin }: Prover,
  failure: Parameters<typeof recordWrongFactor>[2],
): Promise<void> {
  return store.change((tx) => recordWrongFactor(tx, origin, failure))
}
