import type { Request } from 'express'
import { fieldsOf } from '../forms/fields.ts'
import { badValue, ScimError } from './errors.ts'
import { parseFilter, type Condition } from './filter.ts'
import type { Resource } from './resource.ts'
import { attributeName, LIST } from './urns.ts'

/** What a list is asked for (RFC 7644, 3.4.2). */
export interface ListQuery {
  readonly conditions: readonly Condition[]
  /** From 1. */
  readonly startIndex: number
  readonly count: number
}

const COUNT_USUAL = 100
/** Said in the ServiceProviderConfig. */
export const COUNT_MOST = 200

/** Reads filter, startIndex and count. Errors: `invalidFilter`, `invalidValue`. */
export function readListQuery(req: Request): ListQuery {
  const fields = fieldsOf(req.query)
  const filter = fields.text('filter')
  return {
    conditions: filter === '' ? [] : parseFilter(filter),
    startIndex: Math.max(1, wholeOf(fields.text('startIndex'), 'startIndex', 1)),
    count: Math.min(COUNT_MOST, Math.max(0, wholeOf(fields.text('count'), 'count', COUNT_USUAL))),
  }
}

/** A page of resources among all that fit. */
export function listJson(
  resources: readonly Resource[],
  { startIndex, total }: { readonly startIndex: number; readonly total: number },
): Resource {
  return {
    schemas: [LIST],
    totalResults: total,
    startIndex,
    itemsPerPage: resources.length,
    Resources: resources,
  }
}

/** The part of a resource that a request asks for: `attributes`, or all but `excludedAttributes`. */
export function projected(req: Request, resource: Resource): Resource {
  const fields = fieldsOf(req.query)
  const wanted = namesIn(fields.text('attributes'))
  const unwanted = namesIn(fields.text('excludedAttributes'))
  if (wanted.size > 0 && unwanted.size > 0) {
    throw new ScimError(400, 'Ask for attributes or for excludedAttributes.', 'invalidValue')
  }
  const isShown = (name: string): boolean =>
    ALWAYS.has(name) || (wanted.size > 0 ? wanted.has(name) : !unwanted.has(name))
  return Object.fromEntries(
    Object.entries(resource).filter(([name]) => isShown(attributeName(name))),
  )
}

/** Returned whatever is asked for (RFC 7643, 3.1). */
const ALWAYS: ReadonlySet<string> = new Set(['schemas', 'id'])

/** Attributes are told apart as a whole: who asks for `name.formatted` gets `name`. */
function namesIn(list: string): ReadonlySet<string> {
  const names = list.split(',').map((name) => attributeName(name.trim()))
  return new Set(names.filter((name) => name !== '').map((name) => name.split('.')[0] ?? name))
}

function wholeOf(text: string, name: string, otherwise: number): number {
  if (text === '') return otherwise
  if (/^-?\d{1,9}$/.test(text)) return Number(text)
  throw badValue(`Give ${name} as a whole number.`)
}
