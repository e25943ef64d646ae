import type { RequestHandler } from 'express'
import { getTimeZone } from '../../db/settings.ts'
import { listTasks } from '../../db/tasks.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { placeText } from '../forms/audit-cursor.ts'
import { readTaskForm } from '../forms/task-filter.ts'
import { taskJson } from '../presenters/task-json.ts'
import { mayOversee, orNotEntitled } from '../privileges.ts'
import { visitOf } from '../visit.ts'

/** What the broker did by itself, as JSON, a page at a time. */
export function tasksApi(deps: PortalDeps) {
  const { db } = deps.store
  const index: RequestHandler = async (req, res) => {
    const { scope } = visitOf(req)
    orNotEntitled(mayOversee(scope))
    const form = readTaskForm(req.query, { central: await getTimeZone(db) })
    if (Object.keys(form.mistakes).length > 0) throw new InvalidRequest(form.mistakes)
    const { tasks, next } = await listTasks(db, scope, form.filter, { cursor: form.place })
    const position = (form.place?.position ?? 0) + tasks.length
    res.json({
      tasks: tasks.map(taskJson),
      next: next === undefined ? null : placeText({ ...next, position }),
    })
  }
  return { index }
}
