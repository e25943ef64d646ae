import type { Request } from 'express'
import { appendRecord, type Area } from '../db/audit-log.ts'
import { storeTime } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { PortalDeps } from './deps.ts'
import type { Failure } from './errors.ts'
import { findVisit } from './visit.ts'

/** What somebody who is signed in tried and may not do; an address that isn't there tells nothing. */
const REFUSED = 403
/** Another site's or an old form: no word about what its sender may do. */
const NOT_OF_RIGHTS: ReadonlySet<string> = new Set(['cross_site', 'form_outdated'])

const AREAS: Readonly<Record<string, Area>> = {
  sessions: 'sessions',
  extensions: 'sessions',
  'data-sources': 'data sources',
  checks: 'data sources',
  roles: 'roles',
  groups: 'groups',
  users: 'users',
  tokens: 'tokens',
  applications: 'applications',
  policy: 'policy',
  alerts: 'alerts',
  tasks: 'tasks',
  audit: 'audit',
}

/** Writes a record of a refusal, outside the change that it undid. A store that is away keeps none. */
export async function recordRefusal(
  { store, log }: PortalDeps,
  req: Request,
  { status, code, sentence }: Failure,
): Promise<void> {
  const visit = findVisit(req)
  if (status !== REFUSED || NOT_OF_RIGHTS.has(code) || visit === undefined) return
  const path = req.originalUrl.split('?', 1)[0] ?? ''
  const [, place = ''] = path.replace(/^\/(?:api\/v1|scim\/v2)/, '').split('/')
  try {
    await store.change(async (tx) =>
      appendRecord(tx, visit.origin, await storeTime(tx), {
        action: 'access.refused',
        area: AREAS[place.toLowerCase()] ?? 'sign-in',
        outcome: 'refused',
        reason: sentence,
        details: { code, method: req.method, path: path.slice(0, PATH_MOST) },
      }),
    )
  } catch (error) {
    log.error({ error: sentenceOf(error), code, path }, 'a refusal could not be recorded')
  }
}

/** Our own addresses are shorter. */
const PATH_MOST = 200
