import type { RequestHandler } from 'express'
import { DateTime } from 'luxon'
import { listTasks } from '../../db/tasks.ts'
import { remember, rememberedBy } from '../audit-preferences.ts'
import type { PortalDeps } from '../deps.ts'
import { readTaskForm } from '../forms/task-filter.ts'
import { presentTasks } from '../presenters/tasks.ts'
import { timeColumn } from '../presenters/zones.ts'
import { mayAudit, mayOversee, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { openShell } from '../shell.ts'
import { visitOf } from '../visit.ts'

/** What the broker did by itself: every piece of work that changed something, or failed to. */
export function taskPages(deps: PortalDeps) {
  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotFound(mayOversee(scope))
    const { page, zones } = await openShell(deps, req, 'Tasks')
    const remembered = await rememberedBy(deps, scope, zones)
    const form = readTaskForm(req.query, zones, remembered.zone)
    await remember(deps, req, { scope, form, before: remembered.kept })
    const found = await listTasks(deps.store.db, scope, form.filter, { cursor: form.place })
    if (Object.keys(form.mistakes).length > 0) res.status(422)
    const { mode } = deps.config.portal
    const times = timeColumn(form.zone.name, DateTime.utc())
    const links = { sessions: mode, records: mode && mayAudit(scope) }
    await render(res, 'tasks/index', presentTasks({ page, form, found, zones, times, links }))
  }
  return { index }
}
