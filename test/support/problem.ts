import assert from 'node:assert/strict'
import type request from 'supertest'

/** A refusal as the API says it (RFC 9457). */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly errors: { field: string; message: string }[]
}

/** The body of an answer whose shape a test goes on to look at. */
export function bodyOf(answer: request.Response): Record<string, unknown> {
  return answer.body as Record<string, unknown>
}

/** Holds an answer to be a refusal with this code, at these fields. */
export function expectProblem(
  answer: request.Response,
  status: number,
  code: string,
  fields: readonly string[] = [],
): void {
  assert.equal(answer.status, status, answer.text)
  assert.match(answer.get('content-type') ?? '', /^application\/problem\+json/)
  assert.equal(answer.get('cache-control'), 'no-store')
  const problem = JSON.parse(answer.text) as Problem
  assert.equal(problem.code, code)
  assert.equal(problem.status, status)
  assert.ok(problem.title.length > 0 && problem.detail.length > 0)
  assert.deepEqual(problem.errors.map(({ field }) => field).sort(), [...fields].sort(), answer.text)
}
