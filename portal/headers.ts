import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { RequestHandler } from 'express'
import helmet from 'helmet'

/**
 * Headers that every answer carries. A script or style runs where it carries the nonce of the very
 * answer it came in, which nobody who injects a tag can know.
 */
export function securityHeaders(publicUrl: URL): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: [nonceSource],
        styleSrc: [nonceSource],
        imgSrc: ["'self'"],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // over plain http on loopback the header would pin a port that never speaks TLS
    strictTransportSecurity:
      publicUrl.protocol === 'https:' ? { maxAge: YEAR_SECONDS, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  })
}

/** The nonce of an answer: made when first asked for, and never used for another. */
export function nonceOf(res: ServerResponse): string {
  const known = nonces.get(res)
  if (known !== undefined) return known
  const made = randomBytes(NONCE_BYTES).toString('base64')
  nonces.set(res, made)
  return made
}

const nonces = new WeakMap<ServerResponse, string>()

/** At least 128 bits (Content Security Policy 3, 7.1). */
const NONCE_BYTES = 16

function nonceSource(_req: unknown, res: ServerResponse): string {
  return `'nonce-${nonceOf(res)}'`
}

/** Answers with private data are kept by no browser and no proxy. */
export const noStore: RequestHandler = (_req, res, next) => {
  res.set('cache-control', 'no-store')
  next()
}

const YEAR_SECONDS = 31_536_000
