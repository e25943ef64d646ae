import { mfaPolicyBody, mfaResetBody } from './mfa-bodies.ts'
import type { Operations } from './operation.ts'

/** Second factors. */
export const MFA_OPERATIONS: Operations = {
  '/settings/mfa': {
    get: {
      summary: 'Of whom second factors are asked, and what for',
      answer: 'mfaPolicy',
      errors: [403],
    },
    post: {
      summary: 'Change what is asked; what is left out stays',
      body: mfaPolicyBody,
      answer: 'mfaPolicy',
      errors: [403, 422],
    },
  },
  '/settings/mfa/users': {
    get: {
      summary: 'Who has which second factors; no secrets',
      answer: 'usersFactors',
      errors: [403],
    },
  },
  '/users/{id}/mfa/reset': {
    post: {
      summary: 'Take all second factors from a user who lost them',
      body: mfaResetBody,
      answer: 'usersFactors',
      errors: [403, 404, 422],
    },
  },
}
