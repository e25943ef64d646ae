import type { z } from 'zod'
import * as bodies from './bodies.ts'
import type { Operation, Operations } from './operation.ts'

/** The policy: reading it, and changing it as an admin. */
export const POLICY_OPERATIONS: Operations = {
  '/policy': {
    get: {
      summary: 'The policy in force, with what lint says of it',
      answer: 'policy',
      errors: [403],
    },
  },
  '/policy/versions': {
    get: {
      summary: 'Versions of the policy, newest first',
      answer: 'policyVersions',
      query: ['cursor'],
      errors: [403],
    },
  },
  '/policy/versions/{version}': {
    get: {
      summary: 'One version of the policy, whole',
      answer: 'policyVersion',
      errors: [403, 404],
    },
  },
  '/policy/justification': {
    post: changing('Set the global justification rule', bodies.justificationBody, 'justification'),
  },
  '/policy/justification/trial': {
    post: {
      summary: 'Try a justification rule on a text; nothing is kept',
      body: bodies.trialBody,
      answer: 'trial',
      errors: [403, 422],
    },
  },
  '/policy/request-life': {
    post: changing(
      'Set how long a request waits at most where its window counts from approval',
      bodies.requestLifeBody,
      'requestLife',
    ),
  },
  '/policy/recordings': {
    post: changing(
      'Set how many months recordings are kept; null is for ever',
      bodies.retentionBody,
      'retention',
    ),
  },
  '/policy/proposals/{id}/approval': {
    post: changing("Apply another admin's proposal", bodies.proposalBody, 'role'),
  },
  '/policy/proposals/{id}/rejection': {
    post: changing("Reject another admin's proposal", bodies.rejectionBody, 'proposal'),
  },
  '/policy/proposals/{id}/withdrawal': {
    post: changing('Withdraw your own proposal', bodies.proposalBody, 'proposal'),
  },
  '/roles/{id}/policy': {
    post: changing(
      'Change the terms of a role; 0 approvals become a proposal',
      bodies.rolePolicyBody,
      'role',
    ),
  },
  '/groups/{id}/definition': {
    post: changing('Change name or description of a group', bodies.groupDefinitionBody, 'group'),
  },
  '/groups/{id}/members': {
    post: changing('Add members to a group', bodies.membersBody, 'group'),
  },
  '/groups/{id}/members/removal': {
    post: changing('Take members out of a group', bodies.membersBody, 'group'),
  },
  '/data-sources/{id}/policy': {
    post: changing(
      'Change the justification rule of a data source, and whether it is offered',
      bodies.sourcePolicyBody,
      'dataSource',
    ),
  },
}

function changing(summary: string, body: z.ZodType, answer: Operation['answer']): Operation {
  return { summary, body, answer, errors: [403, 404, 409, 422] }
}
