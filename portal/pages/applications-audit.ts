import type { RequestHandler } from 'express'
import { listApplications, type Application } from '../../db/applications.ts'
import { searchRecords, type AuditSearchPage } from '../../db/audit-search.ts'
import { rememberedBy } from '../audit-preferences.ts'
import { frameFor } from '../audit-sessions.ts'
import { auditVisitOf } from '../auditor.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import { readAuditForm } from '../forms/audit-filter.ts'
import { fieldsOf } from '../forms/fields.ts'
import { APPLICATION_COLUMNS, presentApplicationsAudit } from '../presenters/applications-audit.ts'
import { render } from '../render.ts'
import { openShell } from '../shell.ts'

/** Switches between applications and shows all that each did, by the search of the Audit tab. */
export function applicationsAuditPage(deps: PortalDeps): RequestHandler {
  const { db } = deps.store
  return async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const [{ page, zones }, applications] = await Promise.all([
      openShell(deps, req, 'Applications audit', '/audit'),
      listApplications(db, scope),
    ])
    const asked = fieldsOf(req.query).text('application')
    const chosen = chosenOf(applications, asked)
    const query = { ...req.query, view: 'all', actor: chosen?.username, columns: undefined }
    const remembered = await rememberedBy(deps, scope, { own: req.session.zone })
    const form = readAuditForm(query, zones, { remembered: remembered.zone })
    if (Object.keys(form.mistakes).length > 0) res.status(422)
    const found: AuditSearchPage =
      chosen === undefined
        ? { records: [] }
        : await searchRecords(db, scope, form.filter, { cursor: form.place })
    const frame = await frameFor(deps, scope, {
      zone: form.zone,
      zones,
      columns: APPLICATION_COLUMNS,
      records: found.records,
    })
    const facts = { page, applications, chosen, isAsked: asked !== '', form, found, frame }
    await render(res, 'applications/audit', presentApplicationsAudit(facts))
  }
}

/** The one that was asked for; the first of the list where none was. Errors: `not_found`. */
function chosenOf(applications: readonly Application[], asked: string): Application | undefined {
  if (asked === '') return applications[0]
  const found = applications.find(({ id }) => id === asked)
  if (found === undefined) throw new NotFound()
  return found
}
