import type { Request } from 'express'
import type { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import { InvalidRequest } from '../errors.ts'

/**
 * Reads the JSON body of a request. Errors: `malformed_request`, `media_type_unknown`, and
 * `invalid_request` with a sentence for each wrong field.
 */
export function readBody<T>(req: Request, schema: z.ZodType<T>): T {
  const body: unknown = req.body
  // a body of another type, or of none, was left unread: to go on would lose what it says
  if (body === undefined && carriesBody(req)) {
    throw new AppError('media_type_unknown', 'Send the body as application/json in UTF-8.')
  }
  if (Array.isArray(body)) {
    throw new AppError('malformed_request', 'Send one JSON object, not a list.')
  }
  return check(body ?? {}, schema)
}

/** Checks a value against its schema. Errors: `invalid_request`. */
export function check<T>(value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return result.data
  throw new InvalidRequest(mistakesFrom(result.error.issues))
}

function carriesBody(req: Request): boolean {
  return req.get('transfer-encoding') !== undefined || Number(req.get('content-length') ?? 0) > 0
}

function mistakesFrom(issues: readonly z.core.$ZodIssue[]): Record<string, string> {
  // the keys are the sender's: in an object of ours "__proto__" would be no key
  const mistakes = new Map<string, string>()
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        mistakes.set(key, `There is no field ${JSON.stringify(key)} here.`)
      }
      continue
    }
    const field = issue.path.map(String).join('.') || 'body'
    if (!mistakes.has(field)) mistakes.set(field, sentenceFor(issue, field))
  }
  return Object.fromEntries(mistakes)
}

/** zod's own sentences speak of types and not of what to do. */
function sentenceFor(issue: z.core.$ZodIssue, field: string): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `Give ${field}.`
        : `Give ${field} as ${EXPECTED[issue.expected] ?? issue.expected}.`
    case 'too_small': {
      const bound = issue.inclusive === false ? 'more than' : 'at least'
      return `Give ${field} of ${bound} ${String(issue.minimum)}${unitOf(issue.origin)}.`
    }
    case 'too_big':
      return `Give ${field} of at most ${String(issue.maximum)}${unitOf(issue.origin)}.`
    case 'invalid_value':
      return `Give ${field} as one of: ${issue.values.map(String).join(', ')}.`
    default:
      return issue.message
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters'
  return origin === 'array' ? ' entries' : ''
}
