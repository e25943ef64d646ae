import type { Request } from 'express'
import { isAuditUser, type AuditUserScope } from '../db/audit-filter.ts'
import type { Origin } from '../db/scope.ts'
import type { PortalDeps } from './deps.ts'
import { NotFound } from './errors.ts'
import { visitOf } from './visit.ts'

/** A visit of someone who may read the trail. */
export interface AuditVisit {
  readonly scope: AuditUserScope
  readonly origin: Origin
}

/**
 * Who reads the trail. Errors: `not_found` without the Audit User flag, whatever else the person
 * may do, and where portal mode is off; `not_signed_in`.
 */
export function auditVisitOf({ config }: PortalDeps, req: Request): AuditVisit {
  const { scope, origin } = visitOf(req)
  if (!config.portal.mode || !isAuditUser(scope)) throw new NotFound()
  return { scope, origin }
}
