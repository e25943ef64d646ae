import type { RequestHandler } from 'express'
import { listSavedFilters, type FilterDraft } from '../../db/saved-filters.ts'
import { getTimeZone } from '../../db/settings.ts'
import { changeFilter, getSavedFilter, removeFilter, saveFilter } from '../audit-saved.ts'
import { auditVisitOf } from '../auditor.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import { checkSavedFilter } from '../forms/audit-saved.ts'
import { readBody } from '../forms/body.ts'
import type { Zones } from '../presenters/moments.ts'
import { savedFilterJson } from '../presenters/audit-json.ts'
import { uuidIn } from '../uuid-address.ts'
import { nothingBody, savedFilterBody, savedFilterChangeBody } from './bodies.ts'

/** Saved filters as JSON, for programs of Audit Users. */
export function savedFiltersApi(deps: PortalDeps) {
  const index: RequestHandler = async (req, res) => {
    const { scope } = auditVisitOf(deps, req)
    const filters = await listSavedFilters(deps.store.db, scope)
    res.json({ filters: filters.map(savedFilterJson) })
  }

  const create: RequestHandler = async (req, res) => {
    const visit = auditVisitOf(deps, req)
    const draft = checked(readBody(req, savedFilterBody), await zonesIn(deps))
    const made = await saveFilter(deps, visit, draft)
    res.status(201).location(`/api/v1/audit/filters/${made.id}`).json(savedFilterJson(made))
  }

  const show: RequestHandler = async (req, res) => {
    res.json(savedFilterJson(await getSavedFilter(deps, auditVisitOf(deps, req), uuidIn(req))))
  }

  const change: RequestHandler = async (req, res) => {
    const visit = auditVisitOf(deps, req)
    const before = await getSavedFilter(deps, visit, uuidIn(req))
    const {
      name = before.name,
      shared = before.shared,
      query = before.query,
    } = readBody(req, savedFilterChangeBody)
    const draft = checked({ name, shared, query }, await zonesIn(deps))
    res.json(savedFilterJson(await changeFilter(deps, visit, { id: before.id, ...draft })))
  }

  const remove: RequestHandler = async (req, res) => {
    const visit = auditVisitOf(deps, req)
    readBody(req, nothingBody)
    res.json(savedFilterJson(await removeFilter(deps, visit, uuidIn(req))))
  }

  return { index, create, show, change, remove }
}

async function zonesIn({ store }: PortalDeps): Promise<Zones> {
  return { central: await getTimeZone(store.db) }
}

function checked(draft: FilterDraft, zones: Zones): FilterDraft {
  const reading = checkSavedFilter(draft, zones)
  if (reading.ok) return reading.value
  throw new InvalidRequest(reading.mistakes)
}
