import { csrfSync } from 'csrf-sync'
import type { Request, RequestHandler } from 'express'
import { AppError } from '../lib/errors.ts'

const { generateToken, isRequestValid } = csrfSync({ getTokenFromRequest: postedToken })

/** The token that forms of this sign-in carry back. */
export function csrfTokenFor(req: Request): string {
  return generateToken(req)
}

/**
 * Refuses what another site made a browser send, in two independent ways: by what the browser says
 * of the request's origin, and by the token that only our own pages hold. For cookie routes alone.
 */
export function sameOriginOnly(publicUrl: URL): RequestHandler {
  return (req, _res, next) => {
    const changes = !SAFE_METHODS.has(req.method)
    if (changes && !isFromOurPages(req, publicUrl)) {
      throw new AppError('cross_site', 'This came from another site, so it was not done.')
    }
    if (changes && !isRequestValid(req)) {
      throw new AppError(
        'form_outdated',
        'This form is from an earlier sign-in. Open the page again and send it once more.',
      )
    }
    next()
  }
}

/** Methods that change nothing (RFC 9110, 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Fetch metadata can't be forged by a page; a browser too old for it still says the origin. */
function isFromOurPages(req: Request, publicUrl: URL): boolean {
  const site = req.get('sec-fetch-site')
  const origin = req.get('origin')
  if (site !== undefined) return site === 'same-origin' || (site === 'none' && origin === undefined)
  if (origin === undefined) return false
  return origin === publicUrl.origin || origin === `${req.protocol}://${req.get('host') ?? ''}`
}

function postedToken(req: Request): string | undefined {
  const body: unknown = req.body
  if (typeof body !== 'object' || body === null || !('_csrf' in body)) return undefined
  return typeof body._csrf === 'string' ? body._csrf : undefined
}
