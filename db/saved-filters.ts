import type { DateTime } from 'luxon'
import { appendRecord } from './audit-log.ts'
import type { AuditUserScope } from './audit-filter.ts'
import type { Origin } from './scope.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** A selection of the Audit tab under a name. */
export interface SavedFilter {
  readonly id: string
  readonly name: string
  /** With every Audit User of the organization; else its owner alone sees it. */
  readonly shared: boolean
  /** The query of the Audit tab's address. */
  readonly query: string
  readonly owner: string
  /** The reader's own, which they alone may change. */
  readonly mine: boolean
  readonly changedAt: DateTime<true>
}

/** What a person may say of one. */
export interface FilterDraft {
  readonly name: string
  readonly shared: boolean
  readonly query: string
}

/** Pages show them all; nobody keeps this many by hand. */
const LISTED_AT_MOST = 500

const FILTER = `
       f.id, f.name, f.shared, f.query, p.username as owner, f.owner_id = :person as mine,
       f.changed_at as "changedAt"`

/** A person's own filters and those shared in their organization: own ones first, by name. */
export function listSavedFilters(
  db: Db,
  { person, organization }: AuditUserScope,
): Promise<SavedFilter[]> {
  return rows(
    db,
    `select ${FILTER}
       from saved_filters f
       join people p on p.id = f.owner_id
      where f.organization_id = :organization
        and (f.owner_id = :person or f.shared)
      order by f.owner_id = :person desc, lower(f.name), f.id
      limit :most`,
    { person: person.id, organization: organization.id, most: LISTED_AT_MOST },
  )
}

/** One filter that the reader may open; undefined for another's private one. */
export function findSavedFilter(
  db: Db,
  { person, organization }: AuditUserScope,
  id: string,
): Promise<SavedFilter | undefined> {
  return findRow(
    db,
    `select ${FILTER}
       from saved_filters f
       join people p on p.id = f.owner_id
      where f.id = :id
        and f.organization_id = :organization
        and (f.owner_id = :person or f.shared)`,
    { id, person: person.id, organization: organization.id },
  )
}

/** Keeps a selection under a name. Errors: constraint `filter_names_are_unique`, of the owner's own. */
export async function createSavedFilter(
  tx: Transaction,
  { scope, origin }: FilterChange,
  { name, shared, query }: FilterDraft,
): Promise<string> {
  const { id } = await getRow<{ id: string }>(
    tx,
    `insert into saved_filters (organization_id, owner_id, name, shared, query)
     values (:organization, :person, :name, :shared, :query)
  returning id`,
    { organization: scope.organization.id, person: scope.person.id, name, shared, query },
  )
  if (shared) await recordShared(tx, origin, { id, name, query, change: 'shared' })
  return id
}

/** Who changes a filter, and what its record says of them. */
export interface FilterChange {
  readonly scope: AuditUserScope
  readonly origin: Origin
}

/** Changes one of the reader's own; false where it is none. Errors: constraint `filter_names_are_unique`. */
export async function changeSavedFilter(
  tx: Transaction,
  { scope, origin }: FilterChange,
  { id, name, shared, query }: FilterDraft & { readonly id: string },
): Promise<boolean> {
  const before = await lockOwn(tx, scope, id)
  if (before === undefined) return false
  if (before.name === name && before.shared === shared && before.query === query) return true
  await rows(
    tx,
    `update saved_filters
        set name = :name, shared = :shared, query = :query, changed_at = now()
      where id = :id`,
    { id, name, shared, query },
  )
  if (before.shared || shared) {
    const change = before.shared ? (shared ? 'changed' : 'made private') : 'shared'
    await recordShared(tx, origin, { id, name, query, change })
  }
  return true
}

/** Deletes one of the reader's own; undefined where it is none. */
export async function deleteSavedFilter(
  tx: Transaction,
  { scope, origin }: FilterChange,
  id: string,
): Promise<FilterDraft | undefined> {
  const before = await lockOwn(tx, scope, id)
  if (before === undefined) return undefined
  await rows(tx, `delete from saved_filters where id = :id`, { id })
  if (before.shared) await recordShared(tx, origin, { ...before, id, change: 'deleted' })
  return before
}

function lockOwn(
  tx: Transaction,
  { person, organization }: AuditUserScope,
  id: string,
): Promise<FilterDraft | undefined> {
  return findRow(
    tx,
    `select name, shared, query
       from saved_filters
      where id = :id
        and owner_id = :person
        and organization_id = :organization
        for update`,
    { id, person: person.id, organization: organization.id },
  )
}

/** What others work with is no private matter; the query may hold private values. */
async function recordShared(
  tx: Transaction,
  origin: Origin,
  {
    id,
    name,
    query,
    change,
  }: { readonly id: string } & Readonly<Record<'name' | 'query' | 'change', string>>,
): Promise<void> {
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'settings.changed',
    area: 'audit',
    outcome: 'ok',
    subject: { type: 'saved filter', id, name },
    reason: `Filter: ${query === '' ? 'none' : query}`,
    details: { change },
  })
}
