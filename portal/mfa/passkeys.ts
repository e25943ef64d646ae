import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server'
import type { Request } from 'express'
import type { Owner } from '../../db/mfa-factors.ts'
import {
  countSignature,
  keepChallenge,
  listPasskeys,
  takeChallenge,
  type Challenge,
  type NewPasskey,
  type Passkey,
} from '../../db/mfa-passkeys.ts'
import { AppError, sentenceOf } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { saveSignIn } from '../sign-in.ts'
import { readAssertion, readAttestation } from './passkey-answers.ts'
import { findRelyingParty, type RelyingParty } from './relying-party.ts'

declare module 'express-session' {
  interface SessionData {
    /** What this browser's authenticator was asked to sign last. */
    challenge?: Challenge
  }
}

/** A person waits before their authenticator, in milliseconds: as long as a challenge is kept. */
const TIMEOUT_MS = 5 * 60 * 1000

/** Asks a browser to make a passkey. Errors: `passkeys_unavailable`. */
export async function askForNewPasskey(
  deps: PortalDeps,
  req: Request,
  owner: Owner & { readonly displayName: string },
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const party = getRelyingParty(deps)
  const known = await listPasskeys(deps.store.db, owner.id)
  const options = await generateRegistrationOptions({
    rpName: 'Daypass',
    rpID: party.id,
    userName: owner.username,
    userDisplayName: owner.displayName,
    userID: new Uint8Array(Buffer.from(owner.id.replaceAll('-', ''), 'hex')),
    timeout: TIMEOUT_MS,
    attestationType: 'none',
    excludeCredentials: known.map(credentialOf),
    // it stands beside a password: it need neither name its person nor take the place of one
    authenticatorSelection: { residentKey: 'discouraged', userVerification: 'preferred' },
  })
  await remember(deps, req, { challenge: options.challenge, personId: owner.id, purpose: 'add' })
  return options
}

/** Asks a browser for a signature by one of the person's passkeys. Errors: `passkeys_unavailable`. */
export async function askForSignature(
  deps: PortalDeps,
  req: Request,
  { id }: Owner,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const options = await generateAuthenticationOptions({
    rpID: getRelyingParty(deps).id,
    allowCredentials: (await listPasskeys(deps.store.db, id)).map(credentialOf),
    timeout: TIMEOUT_MS,
    userVerification: 'preferred',
  })
  await remember(deps, req, { challenge: options.challenge, personId: id, purpose: 'prove' })
  return options
}

/** The passkey that a browser made as it was asked to; undefined where it is not what was asked for. */
export async function findNewPasskey(
  deps: PortalDeps,
  req: Request,
  { owner, text }: { readonly owner: Owner; readonly text: string },
): Promise<Omit<NewPasskey, 'name'> | undefined> {
  const read = readAttestation(text)
  const challenge = await takeOwn(deps, req, { personId: owner.id, purpose: 'add' })
  if (read === undefined || challenge === undefined) return undefined
  const { id, origin } = getRelyingParty(deps)
  const verified = await orUndefined(deps, () =>
    verifyRegistrationResponse({
      response: read.answer,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: id,
      requireUserVerification: false,
    }),
  )
  if (verified?.verified !== true) return undefined
  const { credential } = verified.registrationInfo
  return {
    credentialId: credential.id,
    publicKey: Buffer.from(credential.publicKey),
    counter: credential.counter,
    transports: read.transports,
  }
}

/** True where one of the person's passkeys signed what this browser was asked for, for the first time. */
export async function isSigned(
  deps: PortalDeps,
  req: Request,
  { owner, text }: { readonly owner: Owner; readonly text: string },
): Promise<boolean> {
  const response = readAssertion(text)
  const challenge = await takeOwn(deps, req, { personId: owner.id, purpose: 'prove' })
  if (response === undefined || challenge === undefined) return false
  const passkeys = await listPasskeys(deps.store.db, owner.id)
  const passkey = passkeys.find(({ credentialId }) => credentialId === response.id)
  if (passkey === undefined) return false
  const { id, origin } = getRelyingParty(deps)
  const verified = await orUndefined(deps, () =>
    verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: id,
      requireUserVerification: false,
      credential: {
        ...credentialOf(passkey),
        publicKey: new Uint8Array(passkey.publicKey),
        counter: passkey.counter,
      },
    }),
  )
  if (verified?.verified !== true) return false
  return countSignature(deps.store.db, passkey, verified.authenticationInfo.newCounter)
}

function credentialOf({ credentialId, transports }: Passkey) {
  return { id: credentialId, transports: [...transports] }
}

function getRelyingParty({ config }: PortalDeps): RelyingParty {
  const party = findRelyingParty(config.publicUrl)
  if (party !== undefined) return party
  throw new AppError(
    'passkeys_unavailable',
    'Browsers make passkeys for names on https alone: DAYPASS_PUBLIC_URL has to be one.',
  )
}

/** The browser holds it too: a challenge that another was given is worth nothing here. */
async function remember({ store }: PortalDeps, req: Request, challenge: Challenge): Promise<void> {
  await keepChallenge(store.db, challenge)
  req.session.challenge = challenge
  await saveSignIn(req)
}

async function takeOwn(
  { store }: PortalDeps,
  req: Request,
  { personId, purpose }: Omit<Challenge, 'challenge'>,
): Promise<string | undefined> {
  const { challenge } = req.session
  delete req.session.challenge
  if (challenge?.personId !== personId || challenge.purpose !== purpose) return undefined
  return (await takeChallenge(store.db, challenge)) ? challenge.challenge : undefined
}

/** The library throws for all that does not fit: another origin, a counter that went back, bytes that are none. */
async function orUndefined<T>(
  { log }: PortalDeps,
  verify: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await verify()
  } catch (error) {
    log.info({ error: sentenceOf(error) }, 'a passkey was refused')
    return undefined
  }
}
