import * as bodies from './bodies.ts'
import type { Operations } from './operation.ts'

/** What is asked of a broker, and how it stands. */
export const CHECK_OPERATIONS: Operations = {
  '/data-sources/{name}/check': {
    post: {
      summary: 'Have a broker test a data source, by name or id',
      body: bodies.nothingBody,
      answer: 'check',
      status: 202,
      errors: [403, 404, 422],
    },
  },
  '/roles/{id}/check': {
    post: {
      summary: 'Have a broker test a role',
      body: bodies.nothingBody,
      answer: 'check',
      status: 202,
      errors: [403, 404, 422],
    },
  },
  '/checks/{id}': {
    get: { summary: 'A test and what it found', answer: 'check', errors: [403, 404] },
  },
}
