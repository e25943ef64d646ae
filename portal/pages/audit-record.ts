import type { RequestHandler } from 'express'
import { NO_FILTER, type AuditUserScope } from '../../db/audit-filter.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import { findRecord, listSessionRecords, searchRecords } from '../../db/audit-search.ts'
import { countStatements } from '../../db/statement-counts.ts'
import { isUuid, parseSessionId } from '../../lib/ids.ts'
import { findNeighbours } from '../audit-neighbours.ts'
import { rememberedBy } from '../audit-preferences.ts'
import { frameFor } from '../audit-sessions.ts'
import { auditVisitOf } from '../auditor.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { readAuditForm } from '../forms/audit-filter.ts'
import { presentAuditRecord, type Related } from '../presenters/audit-record.ts'
import { AUDIT_VIEWS } from '../presenters/audit-views.ts'
import { render } from '../render.ts'
import { openShell } from '../shell.ts'

/** Records of one request lie this close together, in minutes. */
const ONE_REQUEST_MINUTES = 2
/** Of each kind of related records; the Audit tab has the rest. */
const RELATED_MOST = 25
const LOOKED_AT = 300

/** The page of one record: all it says, the bytes that say it, and the records around it. */
export function auditRecordPage(deps: PortalDeps): RequestHandler {
  const { db } = deps.store
  return async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const { record: id } = req.params
    const record =
      typeof id === 'string' && isUuid(id) ? await findRecord(db, scope, id) : undefined
    if (record === undefined) throw new NotFound()
    const { page, zones } = await openShell(deps, req, 'Audit record')
    const { zone: remembered } = await rememberedBy(deps, scope, zones)
    const form = readAuditForm(req.query, zones, { remembered })
    const sessionId = parseSessionId(record.sessionId ?? '')
    const [related, neighbours, statements] = await Promise.all([
      findRelated(deps, scope, record),
      findNeighbours(db, { scope, filter: form.filter }, record),
      sessionId === undefined ? new Map<string, never>() : countStatements(db, scope, sessionId),
    ])
    const frame = await frameFor(deps, scope, {
      zone: form.zone,
      zones,
      columns: AUDIT_VIEWS.all.columns,
      records: [...related.session, ...related.request, ...related.subject],
    })
    await render(
      res,
      'audit/show',
      presentAuditRecord(page, { record, related, neighbours, statements, form, frame }),
    )
  }
}

/** Records of the same session, of the same request, and about the same thing. */
async function findRelated(
  { store }: PortalDeps,
  scope: AuditUserScope,
  record: AuditRecord,
): Promise<Related> {
  const { db } = store
  const sessionId = parseSessionId(record.sessionId ?? '')
  const { subject, correlation_id: correlation } = record.body
  const near = {
    ...NO_FILTER,
    view: 'all',
    since: record.at.minus({ minutes: ONE_REQUEST_MINUTES }),
    until: record.at.plus({ minutes: ONE_REQUEST_MINUTES }),
  } as const
  const about = { ...NO_FILTER, view: 'all', subject: subject?.name ?? null } as const
  const [session, around, same] = await Promise.all([
    sessionId === undefined ? [] : listSessionRecords(db, scope, sessionId),
    searchRecords(db, scope, near, { size: LOOKED_AT }),
    subject === undefined ? undefined : searchRecords(db, scope, about, { size: RELATED_MOST + 1 }),
  ])
  // each record stands on the page once
  const seen = new Set([record.id])
  const others = (records: readonly AuditRecord[]): readonly AuditRecord[] => {
    const fresh = records.filter(({ id }) => !seen.has(id)).slice(0, RELATED_MOST)
    for (const { id } of fresh) seen.add(id)
    return fresh
  }
  return {
    session: others([...session].reverse()),
    request: others(around.records.filter(({ body }) => body.correlation_id === correlation)),
    subject: others(
      (same?.records ?? []).filter(({ body }) => body.subject?.type === subject?.type),
    ),
  }
}
