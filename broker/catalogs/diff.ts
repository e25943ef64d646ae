import type { Change } from '../../db/residue.ts'
import { keyOf, type Catalog, type CatalogObject } from './catalog.ts'

/** One object that is not as it was. */
export interface Difference {
  readonly key: string
  readonly change: Exclude<Change, 'handed over'>
  /** As it is, or as it was where it is gone. */
  readonly object: CatalogObject
  /** OIDs of its owners and grantors, then and now. */
  readonly by: readonly number[]
  /** Names of the facts that differ. */
  readonly facts: readonly string[]
  /** In words: `owner ann; rights bob=r/ann`, `rights bob=r/ann → none`. */
  readonly detail: string
}

/** Facts that are digests say only that something changed. */
const DIGEST = '#'

/** What differs between two catalogs, by kind and name, without what merely came or went with another. */
export function compareCatalogs(before: Catalog, after: Catalog): Difference[] {
  const found: Difference[] = []
  for (const [key, object] of after) {
    const was = before.get(key)
    if (was === undefined) found.push(whole('created', object))
    else {
      const facts = differingFacts(was, object)
      if (facts.length > 0) found.push(changed(was, object, facts))
    }
  }
  for (const [key, object] of before) if (!after.has(key)) found.push(whole('dropped', object))
  return withoutCompanions(found)
}

function whole(change: 'created' | 'dropped', object: CatalogObject): Difference {
  const told = Object.entries(object.facts).filter(([fact]) => !fact.startsWith(DIGEST))
  const detail = told.map(([fact, value]) => `${fact} ${value}`).join('; ')
  return { key: keyOf(object), change, object, by: object.by, facts: [], detail }
}

function changed(was: CatalogObject, is: CatalogObject, facts: readonly string[]): Difference {
  const detail = facts.map((fact) =>
    fact.startsWith(DIGEST)
      ? `${fact.slice(DIGEST.length)} changed`
      : `${fact} ${was.facts[fact] ?? 'none'} → ${is.facts[fact] ?? 'none'}`,
  )
  const by = [...new Set([...was.by, ...is.by])]
  return { key: keyOf(is), change: 'changed', object: is, by, facts, detail: detail.join('; ') }
}

function differingFacts(was: CatalogObject, is: CatalogObject): string[] {
  const names = new Set([...Object.keys(was.facts), ...Object.keys(is.facts)])
  return [...names].filter((name) => was.facts[name] !== is.facts[name])
}

/**
 * A dropped schema takes its tables along, an extension brings its functions: one line tells it. What
 * is made in a new schema is told all the same, because others may have made it.
 */
function withoutCompanions(found: readonly Difference[]): Difference[] {
  const came = new Set(found.filter(({ change }) => change === 'created').map(({ key }) => key))
  const went = new Set(found.filter(({ change }) => change === 'dropped').map(({ key }) => key))
  return found.filter(({ change, object }) => {
    if (change === 'dropped') return !object.parents.some((parent) => went.has(parent))
    if (change === 'created') return !ownParents(object).some((parent) => came.has(parent))
    return true
  })
}

/** What an object can't be without: all but the schema it is in. */
export function ownParents({ parents }: CatalogObject): readonly string[] {
  return parents.filter((parent) => !parent.startsWith('schema '))
}
