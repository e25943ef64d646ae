import type { Operations } from './operation.ts'
import * as bodies from './user-bodies.ts'
import { userBody } from './bodies.ts'

/** Who there is, what each may do, and their way in. */
export const USER_OPERATIONS: Operations = {
  '/users': {
    get: {
      summary: 'Users; status is all, active, locked, disabled, expired, expiring or deleted',
      answer: 'users',
      query: ['q', 'status', 'cursor'],
      errors: [403, 422],
    },
    post: {
      summary: 'Add a user',
      body: userBody,
      answer: 'user',
      status: 201,
      errors: [403, 422],
    },
  },
  '/users/duties': {
    get: { summary: 'Duties that one person holds together', answer: 'duties', errors: [403] },
  },
  '/users/{id}': {
    get: { summary: 'One user, with groups and duties', answer: 'userDetail', errors: [403, 404] },
    post: {
      summary: 'Change a user; what is absent stays',
      body: bodies.userChangeBody,
      answer: 'userDetail',
      errors: [403, 404, 409, 422],
    },
  },
  '/users/{id}/groups': {
    post: {
      summary: 'Set the approver groups of a user, all of them',
      body: bodies.userGroupsBody,
      answer: 'userDetail',
      errors: [403, 404, 409, 422],
    },
  },
  '/users/{id}/lock': {
    post: {
      summary: 'Keep a user out for now',
      body: bodies.userReasonBody,
      answer: 'userDetail',
      errors: [403, 404, 409, 422],
    },
  },
  '/users/{id}/unlock': {
    post: {
      summary: 'Let a locked user in again',
      body: bodies.userReasonBody,
      answer: 'userDetail',
      errors: [403, 404, 422],
    },
  },
  '/users/{id}/disable': {
    post: {
      summary:
        'End an account until it is enabled: sign-ins, sessions, tokens and waiting requests',
      body: bodies.userDisableBody,
      answer: 'userDetail',
      errors: [403, 404, 409, 422],
    },
  },
  '/users/{id}/enable': {
    post: {
      summary: 'Give a disabled or expired user their account back',
      body: bodies.userReasonBody,
      answer: 'userDetail',
      errors: [403, 404, 409, 422],
    },
  },
  '/users/{id}/deletion': {
    post: {
      summary: 'End an account for good; confirmation repeats the username, history keeps it',
      body: bodies.userDeletionBody,
      answer: 'userDetail',
      errors: [403, 404, 409, 422],
    },
  },
}
