import * as bodies from './bodies.ts'
import type { Operations } from './operation.ts'

/** Passwords and the links that set one. */
export const PASSWORD_OPERATIONS: Operations = {
  '/account/password': {
    post: {
      summary: 'Change your own password; ends your sign-ins, and no token',
      body: bodies.ownPasswordBody,
      answer: 'passwordState',
      errors: [422],
    },
  },
  '/users/{id}/password': {
    get: {
      summary: "How a user's password stands, and which links are open",
      answer: 'passwordState',
      errors: [403, 404],
    },
    post: {
      summary: "Set a user's password; ends their sign-ins and links",
      body: bodies.userPasswordBody,
      answer: 'passwordState',
      errors: [403, 404, 422],
    },
  },
  '/users/{id}/password-link': {
    post: {
      summary:
        'Let a user choose a password by a link: mailed, or in this answer where no mail goes',
      body: bodies.nothingBody,
      answer: 'passwordLink',
      status: 201,
      errors: [403, 404, 422],
    },
  },
}
