import type { RequestHandler } from 'express'
import type { PortalDeps } from '../deps.ts'
import { readBody } from '../forms/body.ts'
import { mayAdminister, orNotEntitled } from '../privileges.ts'
import { importUsers, previewImport } from '../user-import/import.ts'
import type { ImportPlan } from '../user-import/plan.ts'
import { visitOf } from '../visit.ts'
import { userImportBody } from './user-import-schemas.ts'

/** POST /users/import: all of a file or nothing. */
export function userImportApi(deps: PortalDeps): RequestHandler {
  return async (req, res) => {
    const visit = visitOf(req)
    orNotEntitled(mayAdminister(visit.scope))
    const { csv, dryRun } = readBody(req, userImportBody)
    const plan = dryRun
      ? await previewImport(deps.store.db, visit, csv)
      : await importUsers(deps, visit, { csv })
    res.json({ done: !dryRun, ...planJson(plan) })
  }
}

/** What a file does, as the API and the command line say it. */
export function planJson({ counts, lines }: ImportPlan) {
  return {
    counts,
    lines: lines.map(({ line, outcome, values, mistake, cells }) => ({
      line,
      outcome,
      username: values.username ?? null,
      changes: cells.flatMap(({ column, text: after, before }) =>
        before === undefined ? [] : [{ field: column.heading, before, after }],
      ),
      mistakes: [
        ...(mistake === undefined ? [] : [{ field: null, message: mistake }]),
        ...cells.flatMap(({ column, mistake: message }) =>
          message === undefined ? [] : [{ field: column.heading, message }],
        ),
      ],
    })),
  }
}
