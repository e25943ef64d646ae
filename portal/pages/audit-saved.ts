import type { Request, RequestHandler, Response } from 'express'
import { listSavedFilters } from '../../db/saved-filters.ts'
import { changeFilter, getSavedFilter, removeFilter, saveFilter } from '../audit-saved.ts'
import { auditVisitOf } from '../auditor.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, mistakesOf, type FieldMistakes } from '../errors.ts'
import { readSavedFilter, readSavedName } from '../forms/audit-saved.ts'
import { fieldsOf, type Reading } from '../forms/fields.ts'
import { presentSavedFilters, type WrongFilter } from '../presenters/audit-saved.ts'
import { render } from '../render.ts'
import { flash, openShell, zonesOf } from '../shell.ts'
import { uuidIn } from '../uuid-address.ts'

/** Saved filters: a list to open them from, and forms for one's own. */
export function savedFilterPages(deps: PortalDeps) {
  const show = async (req: Request, res: Response, wrong?: WrongFilter): Promise<void> => {
    const { scope } = auditVisitOf(deps, req)
    const [{ page, zones }, filters] = await Promise.all([
      openShell(deps, req, 'Saved filters'),
      listSavedFilters(deps.store.db, scope),
    ])
    if (wrong !== undefined) res.status(422)
    const query = wrong?.query ?? fieldsOf(req.query).text('save')
    const material = { filters, zones, query, wrong }
    await render(res, 'audit/saved', presentSavedFilters(page, material))
  }
  const index: RequestHandler = (req, res) => show(req, res)

  const create: RequestHandler = async (req, res) => {
    const visit = auditVisitOf(deps, req)
    const zones = await zonesOf(deps, req)
    const query = fieldsOf(req.body).text('query')
    await orShow(
      async () => {
        const draft = known(readSavedFilter(req.body, zones))
        const { id, name } = await saveFilter(deps, visit, draft)
        await flash(req, 'ok', `The filter ${name} was saved.`)
        res.redirect(303, `/audit/filters/${id}`)
      },
      (mistakes) => show(req, res, { ...wrongIn(req, mistakes), query }),
    )
  }

  const open: RequestHandler = async (req, res) => {
    const { query } = await getSavedFilter(deps, auditVisitOf(deps, req), uuidIn(req))
    res.redirect(303, query === '' ? '/audit' : `/audit?${query}`)
  }

  const change: RequestHandler = async (req, res) => {
    const visit = auditVisitOf(deps, req)
    const id = uuidIn(req)
    // whose it is comes before what is wrong with the form
    await getSavedFilter(deps, visit, id)
    await orShow(
      async () => {
        const { name } = await changeFilter(deps, visit, { id, ...known(readSavedName(req.body)) })
        await flash(req, 'ok', `The filter ${name} was changed.`)
        res.redirect(303, '/audit/filters')
      },
      (mistakes) => show(req, res, { ...wrongIn(req, mistakes), id }),
    )
  }

  const remove: RequestHandler = async (req, res) => {
    const { name } = await removeFilter(deps, auditVisitOf(deps, req), uuidIn(req))
    await flash(req, 'ok', `The filter ${name} was deleted.`)
    res.redirect(303, '/audit/filters')
  }

  /** Reached by reloading what was posted. */
  const back: RequestHandler = (req, res) => {
    auditVisitOf(deps, req)
    res.redirect(303, '/audit/filters')
  }

  return { index, create, open, change, remove, back }
}

function wrongIn(req: Request, mistakes: FieldMistakes): WrongFilter {
  const fields = fieldsOf(req.body)
  return { mistakes, name: fields.text('name'), shared: fields.text('shared') === 'true' }
}

function known<T>(reading: Reading<T>): T {
  if (reading.ok) return reading.value
  throw new InvalidRequest(reading.mistakes)
}

/** Does it, or shows the page again with a sentence at each wrong field. */
async function orShow(
  work: () => Promise<void>,
  again: (mistakes: FieldMistakes) => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    const mistakes = mistakesOf(error)
    if (Object.keys(mistakes).length === 0) throw error
    await again(mistakes)
  }
}
