import * as bodies from './bodies.ts'
import type { Operations } from './operation.ts'

/** More time for a session under way, and a session that is over again. */
export const EXTENSION_OPERATIONS: Operations = {
  '/sessions/{id}/repetition': {
    post: {
      summary: 'Ask for your own session, which is over, again, starting now',
      body: bodies.nothingBody,
      answer: 'session',
      status: 201,
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/extension': {
    post: {
      summary: 'Ask for more time for your own session',
      body: bodies.extensionBody,
      answer: 'extension',
      status: 201,
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/extensions': {
    get: { summary: 'Extensions of a session, oldest first', answer: 'extensions', errors: [404] },
  },
  '/extensions': {
    get: { summary: 'Extensions that wait for your decision', answer: 'extensions' },
  },
  '/extensions/{id}': { get: { summary: 'One extension', answer: 'extension', errors: [404] } },
  '/extensions/{id}/approval': {
    post: {
      summary: 'Approve more time, for every role you may approve',
      body: bodies.extensionApprovalBody,
      answer: 'extension',
      errors: [403, 404, 409, 422],
    },
  },
  '/extensions/{id}/denial': {
    post: {
      summary: 'Deny more time; the session goes on to its end',
      body: bodies.extensionDenialBody,
      answer: 'extension',
      errors: [403, 404, 409, 422],
    },
  },
  '/extensions/{id}/cancellation': {
    post: {
      summary: 'Take your own request for more time back',
      body: bodies.nothingBody,
      answer: 'extension',
      errors: [403, 404, 409, 422],
    },
  },
}
