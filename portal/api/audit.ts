import type { RequestHandler } from 'express'
import { searchRecords } from '../../db/audit-search.ts'
import { getTimeZone } from '../../db/settings.ts'
import { auditDownload } from '../audit-download.ts'
import { auditVisitOf } from '../auditor.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { placeText } from '../forms/audit-cursor.ts'
import { readAuditForm } from '../forms/audit-filter.ts'
import { presentRecordJson } from '../presenters/audit-json.ts'

/** The trail as JSON, for programs of Audit Users: a page at a time, or all of it as a file. */
export function auditApi(deps: PortalDeps) {
  const { db } = deps.store

  const search: RequestHandler = async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const form = readAuditForm(req.query, { central: await getTimeZone(db) })
    if (Object.keys(form.mistakes).length > 0) throw new InvalidRequest(form.mistakes)
    const { records, next } = await searchRecords(db, scope, form.filter, { cursor: form.place })
    const position = (form.place?.position ?? 0) + records.length
    res.json({
      records: records.map(presentRecordJson),
      next: next === undefined ? null : placeText({ ...next, position }),
    })
  }

  return { search, download: auditDownload(deps) }
}
