import { STATUS_CODES } from 'node:http'
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { sentenceOf } from '../lib/errors.ts'
import type { PortalDeps } from './deps.ts'
import { failureOf, NotFound, type Failure } from './errors.ts'
import type { Link } from './presenters/pieces.ts'
import { visibleLines } from './presenters/visible-lines.ts'
import { visible } from './presenters/visible.ts'
import { withTimes } from './presenters/zones.ts'
import { recordRefusal } from './refusals.ts'
import { render } from './render.ts'
import { bareShell, openShell, type Shell } from './shell.ts'
import { findVisit, requestIdOf } from './visit.ts'

/** Nothing answered, so there is nothing here. */
export const nothingHere: RequestHandler = () => {
  throw new NotFound()
}

/** Answers with a problem document (RFC 9457), whatever went wrong. */
export function answerProblem(deps: PortalDeps): ErrorRequestHandler {
  return async (thrown, req, res, next) => {
    const failure = await noted(deps, req, thrown)
    if (res.headersSent) {
      next(thrown)
      return
    }
    const { status, code, sentence, mistakes } = failure
    announce(res, failure)
    const problem = {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail: sentence,
      code,
      instance: `urn:uuid:${requestIdOf(req)}`,
      errors: Object.entries(mistakes).map(([field, message]) => ({ field, message })),
    }
    res.type('application/problem+json').send(JSON.stringify(problem))
  }
}

/** RFC 6750, 3: a token that was wrong is told apart from one that was not sent. */
function challengeFor(code: string): string {
  const realm = 'Bearer realm="Daypass"'
  const error = TOKEN_ERRORS[code]
  return error === undefined ? realm : `${realm}, error="${error}"`
}

/** RFC 6750, 3.1. */
const TOKEN_ERRORS: Readonly<Record<string, string>> = {
  token_not_valid: 'invalid_token',
  token_expired: 'invalid_token',
  scope_missing: 'insufficient_scope',
}

/** Answers with the error page, whatever went wrong; it needs no store when that is what failed. */
export function answerErrorPage(deps: PortalDeps): ErrorRequestHandler {
  return async (thrown, req, res, next) => {
    const failure = await noted(deps, req, thrown)
    if (res.headersSent) {
      next(thrown)
      return
    }
    if (failure.code === 'not_signed_in') {
      const back = req.method === 'GET' ? `?next=${encodeURIComponent(req.originalUrl)}` : ''
      res.redirect(303, `/sign-in${back}`)
      return
    }
    announce(res, failure)
    const heading = headingOf(failure)
    const { page, zones } = await shellFor(deps, req, { failure, heading })
    await render(res, 'error', {
      page,
      status: failure.status,
      heading,
      sentence: withTimes(visible(failure.sentence), zones.central),
      typed: typedIn(req, failure),
      next: linksFrom(req, failure),
      reference: failure.status >= 500 ? requestIdOf(req) : undefined,
    })
  }
}

/** What fails after its answer has begun, or has been given for it, can only be noted. */
export function noteLate({ log }: PortalDeps): ErrorRequestHandler {
  return (thrown, req, res, next) => {
    if (!res.headersSent) {
      next(thrown)
      return
    }
    const facts = { request: requestIdOf(req), error: sentenceOf(thrown) }
    log.warn(facts, 'a request failed after its answer had begun')
    if (!res.writableEnded) res.destroy()
  }
}

function headingOf({ status, code }: Failure): string {
  if (code === 'already_decided') return 'Already decided'
  return HEADINGS[status] ?? STATUS_CODES[status] ?? 'Error'
}

const HEADINGS: Readonly<Record<number, string>> = {
  400: "This can't be read",
  403: 'This was not allowed',
  404: 'Nothing here',
  405: 'Not in this way',
  409: 'Things have moved on',
  413: 'Too large',
  422: 'Something has to be mended first',
  429: 'Slow down a little',
  500: 'Something went wrong',
  503: 'Back in a moment',
}

/** Says the status, and when trying again makes sense. */
export function announce(res: Response, { status, code, retryAfter }: Failure): void {
  res.status(status).set('cache-control', 'no-store')
  if (status === 401 || code === 'scope_missing') {
    res.set('www-authenticate', challengeFor(code))
  }
  if (retryAfter !== undefined) res.set('retry-after', String(retryAfter))
}

/** What we didn't foresee is our fault and goes to the log whole; who may not do something is recorded. */
export async function noted(deps: PortalDeps, req: Request, thrown: unknown): Promise<Failure> {
  const failure = failureOf(thrown)
  if (failure.status < 500) {
    await recordRefusal(deps, req, failure)
    return failure
  }
  const stack = thrown instanceof Error ? thrown.stack : undefined
  const facts = { request: requestIdOf(req), method: req.method, path: req.path, stack }
  deps.log.error({ ...facts, error: sentenceOf(thrown) }, 'a request failed')
  return failure
}

async function shellFor(
  deps: PortalDeps,
  req: Request,
  { failure, heading }: { failure: Failure; heading: string },
): Promise<Shell> {
  if (failure.status >= 500) return bareShell(heading)
  try {
    return await openShell(deps, req, heading)
  } catch {
    // the first failure is the one worth telling; this one is met again at the next page
    return bareShell(heading)
  }
}

const TYPED = new Set(['justification', 'reason', 'comment'])

/**
 * What a person wrote in the form that failed, so that it can be copied and is not lost; what another
 * site made their browser send is not theirs.
 */
function typedIn(req: Request, { code }: Failure): string | undefined {
  const body: unknown = req.body
  if (code === 'cross_site' || typeof body !== 'object' || body === null) return undefined
  const texts = Object.entries(body).map(([name, value]: [string, unknown]) =>
    TYPED.has(name) && typeof value === 'string' ? value.trim() : '',
  )
  const text = texts.find((one) => one !== '')
  return text === undefined ? undefined : visibleLines(text)
}

function linksFrom(req: Request, { status }: Failure): Link[] {
  const [session] = /^\/sessions\/[0-9]+/.exec(req.path) ?? []
  if (status !== 404 && session !== undefined) {
    const decides = /\/(approval|denial)$/.test(req.path)
    return [
      ...(decides ? [{ href: '/approvals', label: 'Pending Approvals' }] : []),
      { href: session, label: 'Back to the session' },
    ]
  }
  const start = findVisit(req) === undefined ? 'Sign in' : 'To the start'
  return [{ href: '/', label: start }]
}
