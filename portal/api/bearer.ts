import type { Request, RequestHandler } from 'express'
import { noteApplicationUse } from '../../db/applications.ts'
import { findPersonByToken, TokenExpired, type TokenHolder } from '../../db/tokens.ts'
import { AppError } from '../../lib/errors.ts'
import type { Attempts } from '../attempts.ts'
import type { PortalDeps } from '../deps.ts'
import { TooManyTries } from '../errors.ts'
import { recordFailedSignIn } from '../failed-sign-ins.ts'
import { rememberVisit, type Visit } from '../visit.ts'
import { narrowed } from './scopes.ts'

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
    const found = await findHolder(deps, req, { attempts, token })
    const { organization, tokenId, scopes, expiresAt } = found
    const visit = rememberVisit(req, {
      person: narrowed(found.person, scopes),
      organization,
      proof: { authMethod: 'token', tokenId },
      token: { scopes, expiresAt },
    })
    if (found.isUseDue) await noteUse(deps, req, visit)
    next()
  }
}

interface Try {
  readonly attempts: Attempts
  readonly token: string
}

/** Whose token it is; one that fits nobody, or whose time is over, is a try and a record. */
async function findHolder(deps: PortalDeps, req: Request, tried: Try): Promise<TokenHolder> {
  try {
    const found = await findPersonByToken(deps.store.db, tried.token, req.ip)
    if (found !== undefined) return found
  } catch (error) {
    if (!(error instanceof TokenExpired)) throw error
    const { username } = error
    await refuse(deps, req, tried, { username, shown: username, reason: error.message })
    throw error
  }
  await refuse(deps, req, tried, { shown: 'unknown token' })
  throw new AppError('token_not_valid', 'The token is unknown or has ended: make a new one.')
}

interface Shown {
  readonly username?: string
  readonly shown: string
  readonly reason?: string
}

async function refuse(
  deps: PortalDeps,
  req: Request,
  { attempts, token }: Try,
  told: Shown,
): Promise<void> {
  const failed = { method: 'token', ...told } as const
  try {
    await attempts.begin(req.ip ?? 'unknown', token.slice(0, KEY_LENGTH))
  } catch (error) {
    if (error instanceof TooManyTries && error.isFirst)
      await recordFailedSignIn(deps, req, { ...failed, reason: error.message })
    throw error
  }
  await recordFailedSignIn(deps, req, failed)
}

function noteUse({ store }: PortalDeps, req: Request, { scope, origin }: Visit): Promise<void> {
  const { id, username } = scope.person
  const use = { id, username, from: req.ip ?? 'unknown' }
  return store.change((tx) => noteApplicationUse(tx, origin, use))
}
