import * as bodies from './bodies.ts'
import type { Operations } from './operation.ts'

/** Sessions: ask, look, decide, end, connect, read what ran. */
export const SESSION_OPERATIONS: Operations = {
  '/sessions': {
    get: {
      summary: 'Sessions you may see, newest first',
      answer: 'sessions',
      query: ['state', 'mine', 'hidden', 'cursor'],
      errors: [422],
    },
    post: {
      summary: 'Ask for a session',
      body: bodies.sessionBody,
      answer: 'session',
      status: 201,
      errors: [422],
    },
  },
  '/sessions/{id}': { get: { summary: 'One session', answer: 'session', errors: [404] } },
  '/sessions/{id}/approval': {
    post: {
      summary: 'Approve roles',
      body: bodies.approvalBody,
      answer: 'session',
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/denial': {
    post: {
      summary: 'Deny the request',
      body: bodies.denialBody,
      answer: 'session',
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/cancellation': {
    post: {
      summary: 'End your own session',
      body: bodies.cancellationBody,
      answer: 'session',
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/termination': {
    post: {
      summary: 'End a session as an admin',
      body: bodies.terminationBody,
      answer: 'session',
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/termination': {
    post: {
      summary: 'End every session under way, as an admin',
      body: bodies.terminationBody,
      answer: 'allTerminated',
      errors: [404, 422],
    },
  },
  '/sessions/{id}/credential': {
    post: {
      summary: 'Make a credential, which ends the one before',
      body: bodies.nothingBody,
      answer: 'credential',
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/hiding': {
    post: {
      summary: 'Take your own session, which is over, out of the lists',
      body: bodies.nothingBody,
      answer: 'session',
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/hiding/removal': {
    post: {
      summary: 'Put your own session back into the lists',
      body: bodies.nothingBody,
      answer: 'session',
      errors: [403, 404, 409, 422],
    },
  },
  '/sessions/{id}/statements': {
    get: {
      summary: 'What ran in a session; `only` is all, errors, writes or ddl',
      answer: 'statements',
      query: ['q', 'only', 'connection', 'cursor'],
      errors: [404, 422],
    },
  },
  '/sessions/{id}/statements/download': {
    get: {
      summary: 'The whole recording of a session as a file',
      answer: 'file',
      query: ['format'],
      errors: [404, 422],
    },
  },
  '/sessions/{id}/statements/{connection}/{number}': {
    get: { summary: 'One statement of a recording', answer: 'statement', errors: [404] },
  },
  '/sessions/{id}/connections': {
    get: {
      summary: 'The connections of a session, oldest first',
      answer: 'connections',
      errors: [404],
    },
  },
  '/sessions/{id}/running': {
    get: {
      summary: 'What the connections of a session run right now',
      answer: 'running',
      errors: [404],
    },
  },
  '/sessions/{id}/residue': {
    get: {
      summary: 'What a session left behind, and what changed meanwhile',
      answer: 'residue',
      errors: [404],
    },
  },
}
