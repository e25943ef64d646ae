import type { Request, RequestHandler } from 'express'
import { findPersonByToken } from '../../db/tokens.ts'
import { AppError } from '../../lib/errors.ts'
import type { Attempts } from '../attempts.ts'
import type { PortalDeps } from '../deps.ts'
import { TooManyTries } from '../errors.ts'
import { recordFailedSignIn } from '../failed-sign-ins.ts'
import { rememberVisit } from '../visit.ts'

/** RFC 6750, 2.1; the scheme's name is the same in any case. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/** Enough of a wrong token to tell it from others, and no more to keep. */
const KEY_LENGTH = 40

/** Asks for a token that is live; cookies mean nothing here, so other sites gain nothing. */
export function bearerOnly(deps: PortalDeps, attempts: Attempts): RequestHandler {
  return async (req, _res, next) => {
    const [, token] = BEARER.exec(req.get('authorization') ?? '') ?? []
    if (token === undefined) {
      throw new AppError('not_signed_in', 'Send a token: "Authorization: Bearer <token>".')
    }
    const found = await findPersonByToken(deps.store.db, token)
    if (found === undefined) {
      await begin(deps, req, { attempts, token })
      await recordFailedSignIn(deps, req, FAILED)
      throw new AppError('token_not_valid', 'The token is unknown or has ended: make a new one.')
    }
    const { person, organization, tokenId } = found
    rememberVisit(req, { person, organization, proof: { authMethod: 'token', tokenId } })
    next()
  }
}

const FAILED = { method: 'token', shown: 'unknown token' } as const

async function begin(
  deps: PortalDeps,
  req: Request,
  { attempts, token }: { readonly attempts: Attempts; readonly token: string },
): Promise<void> {
  try {
    await attempts.begin(req.ip ?? 'unknown', token.slice(0, KEY_LENGTH))
  } catch (error) {
    if (error instanceof TooManyTries && error.isFirst)
      await recordFailedSignIn(deps, req, { ...FAILED, reason: error.message })
    throw error
  }
}
