import type { RequestHandler } from 'express'
import { z } from 'zod'
import { projectVersion } from '../../lib/project.ts'
import * as bodies from './bodies.ts'
import { SAVED_FILTER_OPERATIONS } from './openapi-audit.ts'
import { EXTENSION_OPERATIONS } from './openapi-extensions.ts'
import { CHECK_OPERATIONS } from './openapi-checks.ts'
import { PASSWORD_OPERATIONS } from './openapi-passwords.ts'
import { MFA_OPERATIONS } from './openapi-mfa.ts'
import { POLICY_OPERATIONS } from './openapi-policy.ts'
import { SESSION_OPERATIONS } from './openapi-sessions.ts'
import { USER_IMPORT_OPERATIONS } from './openapi-user-import.ts'
import { USER_OPERATIONS } from './openapi-users.ts'
import { SIGN_IN_OPERATIONS } from './openapi-sign-ins.ts'
import { TOKEN_OPERATIONS } from './openapi-tokens.ts'
import type { Operation, Operations } from './operation.ts'
import { schemas } from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

/** The filter of the Audit tab. */
const AUDIT_QUERY = [
  'view',
  'since',
  'until',
  'range',
  'session',
  'state',
  'scope',
  'action',
  'area',
  'actor',
  'requester',
  'role',
  'username',
  'dataSource',
  'clientIp',
  'subject',
  'company',
  'accountId',
  'reason',
  'q',
  'zone',
  'cursor',
]

/** Every operation under /api/v1 by path and method; a test compares it with the routes. */
export const OPERATIONS: Operations = {
  ...SESSION_OPERATIONS,
  '/audit': {
    get: {
      summary: 'Records of the audit trail, newest first',
      answer: 'records',
      query: AUDIT_QUERY,
      errors: [404, 422],
    },
  },
  '/audit/download': {
    get: {
      summary: 'The audit trail as a file',
      answer: 'file',
      query: ['format', 'includeFilters', 'head', ...AUDIT_QUERY],
      errors: [404, 422],
    },
  },
  ...SAVED_FILTER_OPERATIONS,
  ...SIGN_IN_OPERATIONS,
  '/data-sources': {
    get: { summary: 'Data sources', answer: 'dataSources' },
    post: {
      summary: 'Add a data source',
      body: bodies.dataSourceBody,
      answer: 'dataSource',
      status: 201,
      errors: [403, 422],
    },
  },
  '/roles': {
    get: { summary: 'Roles', answer: 'roles' },
    post: {
      summary: 'Define a role',
      body: bodies.roleBody,
      answer: 'role',
      status: 201,
      errors: [403, 422],
    },
  },
  '/groups': {
    get: { summary: 'Approver groups', answer: 'groups', errors: [403] },
    post: {
      summary: 'Add an approver group',
      body: bodies.groupBody,
      answer: 'group',
      status: 201,
      errors: [403, 422],
    },
  },
  ...USER_OPERATIONS,
  ...USER_IMPORT_OPERATIONS,
  ...TOKEN_OPERATIONS,
  ...EXTENSION_OPERATIONS,
  ...PASSWORD_OPERATIONS,
  ...POLICY_OPERATIONS,
  ...MFA_OPERATIONS,
  ...CHECK_OPERATIONS,
  '/alerts': {
    get: {
      summary: 'Alerts, newest first; open=true for those that last',
      answer: 'alerts',
      query: ['open', 'cursor'],
      errors: [403, 422],
    },
  },
  '/alerts/rules': {
    get: { summary: 'What raises an alert, and who is told', answer: 'alertRules', errors: [403] },
    post: {
      summary: 'Set an alert rule',
      body: bodies.alertRuleBody,
      answer: 'alertRule',
      errors: [403, 422],
    },
  },
  '/tasks': {
    get: {
      summary: 'What the broker did by itself, newest first',
      answer: 'tasks',
      query: ['task', 'outcome', 'session', 'since', 'until', 'zone', 'cursor'],
      errors: [403, 422],
    },
  },
  '/me': { get: { summary: 'Whose token this is', answer: 'me' } },
  '/metrics': {
    get: { summary: "Numbers in Prometheus' text format", answer: 'text', errors: [403] },
  },
  '/openapi.json': { get: { summary: 'This document; needs no token', answer: 'any' } },
}

/** Answers with the document itself. */
export const openApi: RequestHandler = (_req, res) => {
  res.json(document)
}

/** What any call may meet: a token that is missing, too many tries, a store that is away. */
const ALWAYS = [401, 429, 503]

function describe(path: string, operation: Operation): Json {
  const { summary, body, answer, status = 200, query = [], errors = [] } = operation
  const open = path === '/openapi.json'
  const failures = open
    ? []
    : [...(body === undefined ? [] : [400, 413, 415]), ...ALWAYS, ...errors]
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: schemaOfPart(path, name),
  }))
  return {
    summary,
    ...(open ? { security: [] } : {}),
    parameters: [
      ...inPath,
      ...query.map((name) => ({ name, in: 'query', schema: { type: 'string' } })),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { content: { 'application/json': { schema: schemaOf(body) } } } }),
    responses: {
      [String(status)]: { description: 'Done', content: contentOf(answer) },
      ...Object.fromEntries(failures.map((failure) => [String(failure), PROBLEM])),
    },
  }
}

const NUMBER: Json = { type: 'string', pattern: '^[1-9][0-9]*$' }
const UUID: Json = { type: 'string', format: 'uuid' }

function schemaOfPart(path: string, name: string | undefined): Json {
  if (name === 'name') return { type: 'string' }
  return name !== 'connection' && isNumbered(path) ? NUMBER : UUID
}

/** Sessions, versions and statements have numbers; everything else has a UUID. */
function isNumbered(path: string): boolean {
  return path.startsWith('/sessions/') || path.includes('{version}')
}

const PROBLEM: Json = {
  description: 'Refused',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/problem' } } },
}

function contentOf(answer: Operation['answer']): Json {
  if (answer === 'text') return textual('text/plain')
  if (answer === 'file') return textual('text/plain', 'text/csv', 'application/jsonl')
  return { 'application/json': { schema: { $ref: `#/components/schemas/${answer}` } } }
}

function textual(...types: readonly string[]): Json {
  return Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' } }]))
}

function schemaOf(body: z.ZodType): Json {
  return { ...z.toJSONSchema(body, { io: 'input' }) }
}

const document: Json = {
  openapi: '3.1.0',
  info: { title: 'Daypass', version: projectVersion, license: { name: 'Apache-2.0' } },
  servers: [{ url: '/api/v1' }],
  security: [{ token: [] }],
  paths: Object.fromEntries(
    Object.entries(OPERATIONS).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => [method, describe(path, operation)]),
      ),
    ]),
  ),
  components: {
    securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    schemas,
  },
}
