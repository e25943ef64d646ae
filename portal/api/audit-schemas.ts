import { flag, list, shape, text } from './json-schema.ts'

const savedFilter = shape({
  id: text,
  name: text,
  shared: flag,
  query: text,
  owner: text,
  mine: flag,
  changedAt: text,
})

/** Saved filters, as JSON Schema (2020-12). */
export const AUDIT_SCHEMAS = {
  savedFilter,
  savedFilters: shape({ filters: list(savedFilter) }),
} as const
