import {
  changeSavedFilter,
  createSavedFilter,
  deleteSavedFilter,
  findSavedFilter,
  type FilterDraft,
  type SavedFilter,
} from '../db/saved-filters.ts'
import { AppError } from '../lib/errors.ts'
import { named } from './administration/rules.ts'
import type { AuditVisit } from './auditor.ts'
import type { PortalDeps } from './deps.ts'
import { NotFound } from './errors.ts'

/** Keeps a selection under a name, the visitor's own. Errors: `invalid_request`. */
export async function saveFilter(
  { store }: PortalDeps,
  visit: AuditVisit,
  draft: FilterDraft,
): Promise<SavedFilter> {
  const id = await named(store.change((tx) => createSavedFilter(tx, visit, draft)))
  return getSavedFilter({ store }, visit, id)
}

/** Changes one of the visitor's own; what is not said stays. Errors: `invalid_request`, `not_entitled`, `not_found`. */
export async function changeFilter(
  { store }: PortalDeps,
  visit: AuditVisit,
  { id, ...said }: Partial<FilterDraft> & { readonly id: string },
): Promise<SavedFilter> {
  const before = await getOwn({ store }, visit, id)
  const { name = before.name, shared = before.shared, query = before.query } = said
  const draft = { id, name, shared, query }
  const changed = await named(store.change((tx) => changeSavedFilter(tx, visit, draft)))
  if (!changed) throw new NotFound()
  return getSavedFilter({ store }, visit, id)
}

/** Deletes one of the visitor's own, and says what it was. Errors: `not_entitled`, `not_found`. */
export async function removeFilter(
  { store }: PortalDeps,
  visit: AuditVisit,
  id: string,
): Promise<SavedFilter> {
  const before = await getOwn({ store }, visit, id)
  const deleted = await store.change((tx) => deleteSavedFilter(tx, visit, id))
  if (deleted === undefined) throw new NotFound()
  return before
}

/** One that the visitor may open. Errors: `not_found`. */
export async function getSavedFilter(
  { store }: Pick<PortalDeps, 'store'>,
  { scope }: AuditVisit,
  id: string,
): Promise<SavedFilter> {
  const found = await findSavedFilter(store.db, scope, id)
  if (found === undefined) throw new NotFound()
  return found
}

async function getOwn(
  deps: Pick<PortalDeps, 'store'>,
  visit: AuditVisit,
  id: string,
): Promise<SavedFilter> {
  const found = await getSavedFilter(deps, visit, id)
  if (found.mine) return found
  throw new AppError('not_entitled', `Only ${found.owner} may change this filter.`)
}
