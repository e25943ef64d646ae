import type { Operations } from './operation.ts'
import * as bodies from './token-bodies.ts'

/** Tokens of people, and applications with theirs. */
export const TOKEN_OPERATIONS: Operations = {
  '/tokens': {
    get: { summary: 'Your tokens, live ones first', answer: 'tokens' },
    post: {
      summary: 'Make a token for yourself; its secret is in this answer alone',
      body: bodies.tokenBody,
      answer: 'freshToken',
      status: 201,
      errors: [403, 422],
    },
  },
  '/tokens/{id}/deletion': {
    post: {
      summary: "End a token: your own, or as an admin anybody's",
      body: bodies.tokenEndBody,
      answer: 'token',
      errors: [403, 404, 422],
    },
  },
  '/users/{id}/tokens': {
    get: { summary: 'The tokens of a user', answer: 'tokens', errors: [403, 404] },
  },
  '/applications': {
    get: { summary: 'Applications', answer: 'applications', errors: [403] },
    post: {
      summary: 'Add an application',
      body: bodies.applicationBody,
      answer: 'application',
      status: 201,
      errors: [403, 422],
    },
  },
  '/applications/{id}': {
    get: { summary: 'One application', answer: 'application', errors: [403, 404] },
    post: {
      summary: 'Change an application; what is absent stays',
      body: bodies.applicationChangeBody,
      answer: 'application',
      errors: [403, 404, 422],
    },
  },
  '/applications/{id}/tokens': {
    get: { summary: 'The tokens of an application', answer: 'tokens', errors: [403, 404] },
    post: {
      summary: 'Make a token for an application; its secret is in this answer alone',
      body: bodies.tokenBody,
      answer: 'freshToken',
      status: 201,
      errors: [403, 404, 409, 422],
    },
  },
  '/applications/{id}/lock': {
    post: {
      summary: 'Keep an application out for now: its tokens stop',
      body: bodies.applicationEndBody,
      answer: 'application',
      errors: [403, 404, 422],
    },
  },
  '/applications/{id}/unlock': {
    post: {
      summary: 'Let a locked application work again',
      body: bodies.applicationEndBody,
      answer: 'application',
      errors: [403, 404, 422],
    },
  },
  '/applications/{id}/deletion': {
    post: {
      summary: 'End an application for good, with its tokens',
      body: bodies.applicationEndBody,
      answer: 'application',
      errors: [403, 404, 422],
    },
  },
}
