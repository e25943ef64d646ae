import * as bodies from './bodies.ts'
import type { Operations } from './operation.ts'

/** Selections of the Audit tab that have a name. */
export const SAVED_FILTER_OPERATIONS: Operations = {
  '/audit/filters': {
    get: {
      summary: 'Your saved filters and those shared with you',
      answer: 'savedFilters',
      errors: [404],
    },
    post: {
      summary: 'Save a filter',
      body: bodies.savedFilterBody,
      answer: 'savedFilter',
      status: 201,
      errors: [404, 422],
    },
  },
  '/audit/filters/{id}': {
    get: { summary: 'One saved filter', answer: 'savedFilter', errors: [404] },
    post: {
      summary: 'Change a filter of your own; what is not said stays',
      body: bodies.savedFilterChangeBody,
      answer: 'savedFilter',
      errors: [403, 404, 422],
    },
  },
  '/audit/filters/{id}/deletion': {
    post: {
      summary: 'Delete a filter of your own; answers with what it was',
      body: bodies.nothingBody,
      answer: 'savedFilter',
      errors: [403, 404, 422],
    },
  },
}
