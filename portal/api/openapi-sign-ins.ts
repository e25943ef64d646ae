import { nothingBody } from './bodies.ts'
import type { Operations } from './operation.ts'
import { signInTerminationBody } from './sign-in-bodies.ts'

/** Sign-ins of the portal. */
export const SIGN_IN_OPERATIONS: Operations = {
  '/account/sign-ins': {
    get: { summary: 'Where you are signed in to the portal now', answer: 'signIns' },
  },
  '/account/sign-ins/termination': {
    post: {
      summary: 'End all sign-ins of your own',
      body: nothingBody,
      answer: 'signInsEnded',
      errors: [422],
    },
  },
  '/account/sign-ins/{id}/termination': {
    post: {
      summary: 'End one of your own sign-ins',
      body: nothingBody,
      answer: 'signIn',
      errors: [404, 409, 422],
    },
  },
  '/sign-ins': {
    get: {
      summary: 'Sign-ins of the portal: active ones first, then newest first; of today unless said',
      answer: 'signIns',
      query: ['day', 'since', 'until', 'q', 'zone', 'after'],
      errors: [403, 422],
    },
  },
  '/sign-ins/{id}': {
    get: { summary: 'One sign-in', answer: 'signIn', errors: [403, 404] },
  },
  '/sign-ins/{id}/records': {
    get: {
      summary: 'What was done in a sign-in, newest first; for Audit Users',
      answer: 'records',
      query: ['q', 'cursor'],
      errors: [404, 422],
    },
  },
  '/sign-ins/{id}/termination': {
    post: {
      summary: 'End a sign-in; with lock, all of its person, who is locked out',
      body: signInTerminationBody,
      answer: 'signIn',
      errors: [403, 404, 409, 422],
    },
  },
}
