import type { RequestHandler } from 'express'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { maySeeAdministration } from '../privileges.ts'
import { visitOf } from '../visit.ts'

/** The start: sessions, or administration where sessions are switched off. */
export function home({ config }: PortalDeps): RequestHandler {
  return (req, res) => {
    const { scope } = visitOf(req)
    if (!config.portal.mode && !maySeeAdministration(scope)) throw new NotFound()
    res.redirect(303, config.portal.mode ? '/sessions' : '/data-sources')
  }
}
