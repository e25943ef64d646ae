import type { RequestHandler } from 'express'
import helmet from 'helmet'

/**
 * Headers that every answer carries. No page has a script or style of its own inside it, so the
 * policy needs neither nonces nor hashes: what is not a file of ours does not run.
 */
export function securityHeaders(publicUrl: URL): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
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

/** Answers with private data are kept by no browser and no proxy. */
export const noStore: RequestHandler = (_req, res, next) => {
  res.set('cache-control', 'no-store')
  next()
}

const YEAR_SECONDS = 31_536_000
