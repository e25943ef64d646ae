import { STATUS_CODES } from 'node:http'
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express'
import { sentenceOf } from '../lib/errors.ts'
import type { PortalDeps } from './deps.ts'
import { failureOf, NotFound, type Failure } from './errors.ts'
import type { Link } from './presenters/pieces.ts'
import { render } from './render.ts'
import { bareShell, openShell, type Shell } from './shell.ts'
import { findVisit, requestIdOf } from './visit.ts'

/** Nothing answered, so there is nothing here. */
export const nothingHere: RequestHandler = () => {
  throw new NotFound()
}

/** Answers with a problem document (RFC 9457), whatever went wrong. */
export function answerProblem(deps: PortalDeps): ErrorRequestHandler {
  return (thrown, req, res, next) => {
    const failure = noted(deps, req, thrown)
    if (res.headersSent) {
      next(thrown)
      return
    }
    const { status, code, sentence, mistakes } = failure
    announce(res, failure)
    if (status === 401) res.set('www-authenticate', 'Bearer realm="Daypass"')
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

/** Answers with the error page, whatever went wrong; it needs no store when that is what failed. */
export function answerErrorPage(deps: PortalDeps): ErrorRequestHandler {
  return async (thrown, req, res, next) => {
    const failure = noted(deps, req, thrown)
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
    const heading = HEADINGS[failure.status] ?? STATUS_CODES[failure.status] ?? 'Error'
    const { page } = await shellFor(deps, req, { failure, heading })
    await render(res, 'error', {
      page,
      status: failure.status,
      heading,
      sentence: failure.sentence,
      next: linksFrom(req, failure),
      reference: failure.status >= 500 ? requestIdOf(req) : undefined,
    })
  }
}

const HEADINGS: Readonly<Record<number, string>> = {
  403: 'This was not allowed',
  404: 'Nothing here',
  409: 'Things have moved on',
  413: 'Too large',
  429: 'Slow down a little',
  500: 'Something went wrong',
  503: 'Back in a moment',
}

function announce(res: Response, { status, retryAfter }: Failure): void {
  res.status(status).set('cache-control', 'no-store')
  if (retryAfter !== undefined) res.set('retry-after', String(retryAfter))
}

/** What we didn't foresee is our fault and goes to the log whole; a refusal is news for its reader. */
function noted(deps: PortalDeps, req: Request, thrown: unknown): Failure {
  const failure = failureOf(thrown)
  if (failure.status < 500) return failure
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

function linksFrom(req: Request, { status }: Failure): Link[] {
  const [session] = /^\/sessions\/[0-9]+/.exec(req.path) ?? []
  if (status !== 404 && session !== undefined)
    return [{ href: session, label: 'Back to the session' }]
  const start = findVisit(req) === undefined ? 'Sign in' : 'To the start'
  return [{ href: '/', label: start }]
}
