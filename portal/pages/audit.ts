import type { Request, RequestHandler } from 'express'
import { DateTime } from 'luxon'
import type { AuditScope } from '../../db/audit-filter.ts'
import { NO_FILTER } from '../../db/audit-filter.ts'
import type { AuditRecord } from '../../db/audit-record.ts'
import {
  countRecords,
  countStates,
  findRecord,
  listSessionRecords,
  searchRecords,
} from '../../db/audit-search.ts'
import { listSessions, type Session } from '../../db/sessions.ts'
import { isUuid, parseSessionId, type SessionId } from '../../lib/ids.ts'
import { auditDownload } from '../audit-download.ts'
import { auditVisitOf } from '../auditor.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { readAuditForm, type AuditForm, type AuditZone } from '../forms/audit-filter.ts'
import { presentAudit } from '../presenters/audit.ts'
import { presentAuditRecord } from '../presenters/audit-record.ts'
import type { RowFrame } from '../presenters/audit-rows.ts'
import type { Zones } from '../presenters/moments.ts'
import { timeColumn } from '../presenters/zones.ts'
import { render } from '../render.ts'
import { isPart, openShell } from '../shell.ts'

declare module 'express-session' {
  interface SessionData {
    /** `central`, `utc` or `local`: what the Audit tab was last shown in. */
    auditZone?: 'central' | 'utc' | 'local'
  }
}

/** The Audit tab: its table, one record, its download. */
export function auditPages(deps: PortalDeps) {
  const { db } = deps.store

  const index: RequestHandler = async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const { page, zones } = await openShell(deps, req, 'Audit')
    const form = readAuditForm(req.query, zones, rememberedChoice(req, zones))
    rememberZone(req, form)
    const everything = { ...NO_FILTER, view: form.filter.view }
    const [found, matching, all, states] = await Promise.all([
      searchRecords(db, scope, form.filter, { cursor: form.place }),
      countRecords(db, scope, form.filter),
      countRecords(db, scope, everything),
      countStates(db, scope, form.filter),
    ])
    const sessions = await findSessions(deps, scope, found.records)
    const frame = frameOf(form.zone, zones, sessions)
    if (Object.keys(form.mistakes).length > 0) res.status(422)
    await render(
      res,
      'audit/index',
      presentAudit({ page, form, found, frame, matching, all, states }),
    )
  }

  const show: RequestHandler = async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const { record: id } = req.params
    const record =
      typeof id === 'string' && isUuid(id) ? await findRecord(db, scope, id) : undefined
    if (record === undefined) throw new NotFound()
    const { page, zones } = await openShell(deps, req, 'Audit record')
    const { zone } = readAuditForm({}, zones, rememberedChoice(req, zones))
    const sessionId = parseSessionId(record.sessionId ?? '')
    const related = sessionId === undefined ? [] : await listSessionRecords(db, scope, sessionId)
    const sessions = await findSessions(deps, scope, related)
    const frame = frameOf(zone, zones, sessions)
    await render(res, 'audit/show', presentAuditRecord(page, { record, related, frame }))
  }

  return { index, show, download: auditDownload(deps) }
}

function frameOf(zone: AuditZone, zones: Zones, sessions: ReadonlyMap<string, Session>): RowFrame {
  return { times: timeColumn(zone.name, DateTime.utc()), zones, choice: zone.choice, sessions }
}

/** The sessions that these records speak of, for their popovers: one statement for the whole page. */
async function findSessions(
  { store }: PortalDeps,
  scope: AuditScope,
  records: readonly AuditRecord[],
): Promise<ReadonlyMap<string, Session>> {
  const named = records.map(({ sessionId }) => parseSessionId(sessionId ?? ''))
  const ids = [...new Set(named.filter((id): id is SessionId => id !== undefined))]
  if (ids.length === 0) return new Map()
  const found = await listSessions(store.db, scope, { ids, showHidden: true, limit: ids.length })
  return new Map(found.map((session) => [session.id, session]))
}

/** What the reader chose last, for an address that names no zone. */
export function rememberedChoice(req: Request, { own }: Zones): string {
  const { auditZone } = req.session
  return auditZone === 'local' ? (own ?? 'central') : (auditZone ?? 'central')
}

/** Only a change is kept: every other page view would rewrite the sign-in for nothing. */
export function rememberZone(
  req: Request,
  { zone, mistakes }: Pick<AuditForm, 'zone' | 'mistakes'>,
): void {
  if (isPart(req) || req.query['zone'] === undefined || mistakes['zone'] !== undefined) return
  const { choice } = zone
  const kind = choice === 'central' || choice === 'utc' ? choice : 'local'
  if (req.session.auditZone !== kind) req.session.auditZone = kind
  if (kind === 'local' && req.session.zone !== choice) req.session.zone = choice
}
