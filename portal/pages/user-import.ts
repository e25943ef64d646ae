import type { Request, RequestHandler, Response } from 'express'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, mistakesOf, type FieldMistakes } from '../errors.ts'
import { fieldsOf } from '../forms/fields.ts'
import { presentImport, presentImportPreview } from '../presenters/user-import.ts'
import { counted } from '../presenters/counted.ts'
import { mayAdminister, orNotFound } from '../privileges.ts'
import { render } from '../render.ts'
import { flash, openShell } from '../shell.ts'
import { importUsers, previewImport } from '../user-import/import.ts'
import { TEMPLATE } from '../user-import/template.ts'
import { visitOf } from '../visit.ts'

const TITLE = 'Import users'
const UNREADABLE =
  'The file is no text in UTF-8. In a spreadsheet, save it as "CSV UTF-8", and choose it again.'

/** Users from a CSV file: what it would do is looked at before it is done. */
export function userImportPages(deps: PortalDeps) {
  const fresh: RequestHandler = async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    await showForm(deps, req, res, { csv: '', mistakes: {} })
  }
  const preview: RequestHandler = async (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    const csv = csvIn(req)
    try {
      refuseEmpty(req, csv)
      await showPreview(deps, req, res, { csv })
    } catch (error) {
      await againWith(deps, req, res, { csv, error })
    }
  }
  const create: RequestHandler = async (req, res) => {
    const visit = visitOf(req)
    orNotFound(mayAdminister(visit.scope))
    const csv = csvIn(req)
    const seen = fieldsOf(req.body).text('seen')
    try {
      refuseEmpty(req, csv)
      const { counts } = await importUsers(deps, visit, { csv, seen })
      const said = `${counted(counts.add, 'user')} added, ${counted(counts.change, 'user')} changed.`
      await flash(req, 'ok', `The file was imported: ${said}`)
    } catch (error) {
      if (!(error instanceof AppError) || !LOOK_AGAIN.has(error.code) || csv === '') {
        return againWith(deps, req, res, { csv, error })
      }
      // the plan as it stands now, with why it was not done
      const fault = Object.keys(mistakesOf(error)).length > 1 ? SEVERAL_WRONG : error.message
      return showPreview(deps, req, res.status(409), { csv, fault }).catch((failed: unknown) =>
        againWith(deps, req, res, { csv, error: failed }),
      )
    }
    res.redirect(303, '/users')
  }
  const template: RequestHandler = (req, res) => {
    orNotFound(mayAdminister(visitOf(req).scope))
    res.attachment('users.csv').type('text/csv').send(TEMPLATE)
  }
  const back: RequestHandler = (_req, res) => {
    res.redirect(303, '/users/import')
  }
  return { fresh, preview, create, template, back }
}

/** What was looked at is no longer what would be done. */
const LOOK_AGAIN: ReadonlySet<string> = new Set([
  'state_changed',
  'last_admin',
  'own_account',
  'invalid_request',
])

const SEVERAL_WRONG = 'Some lines are wrong now: nothing was imported.'

function csvIn(req: Request): string {
  return fieldsOf(req.body).raw('csv')
}

function refuseEmpty(req: Request, csv: string): void {
  if (fieldsOf(req.body).text('unreadable') !== '') throw new InvalidRequest({ csv: UNREADABLE })
  if (csv.trim() === '') throw new InvalidRequest({ csv: 'Choose a file, or paste its lines.' })
}

async function showForm(
  deps: PortalDeps,
  req: Request,
  res: Response,
  posted: { readonly csv: string; readonly mistakes: FieldMistakes },
): Promise<void> {
  const shell = await openShell(deps, req, TITLE)
  await render(res, 'users/import', presentImport(shell, posted))
}

async function showPreview(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { csv, fault }: { readonly csv: string; readonly fault?: string },
): Promise<void> {
  const plan = await previewImport(deps.store.db, visitOf(req), csv)
  const shell = await openShell(deps, req, TITLE)
  const facts = fault === undefined ? { plan, csv } : { plan, csv, fault }
  await render(res, 'users/import-preview', presentImportPreview(shell, facts))
}

/** The form with what to mend, where a file can't be read at all. */
async function againWith(
  deps: PortalDeps,
  req: Request,
  res: Response,
  { csv, error }: { readonly csv: string; readonly error: unknown },
): Promise<void> {
  const mistakes = mistakesOf(error)
  if (mistakes['csv'] === undefined) throw error
  await showForm(deps, req, res.status(422), { csv, mistakes })
}
