import { readPersonSettings } from '../config.ts'
import { findRunning } from './home-file.ts'
import { AppError, sentenceOf } from '../lib/errors.ts'

/** The API as a person's token sees it. */
export interface PersonClient {
  get(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<unknown>
  post(path: string, body: object): Promise<unknown>
  /** The answer's bytes as they come, for downloads of any length; it breaks off when none come any more. */
  stream(
    path: string,
    query?: Readonly<Record<string, string | undefined>>,
  ): AsyncGenerator<Uint8Array, void, undefined>
}

const DEFAULT_URL = 'http://127.0.0.1:8080'
const DEADLINE_MS = 30_000
/** A portal counts what a download holds before its first byte. */
const STREAM_DEADLINE_MS = 300_000
const UNAUTHORIZED = 401

/** A client for DAYPASS_URL with DAYPASS_TOKEN. Errors: `token_missing`, `portal_unreachable`, and the API's own. */
export function openPersonClient(): PersonClient {
  const settings = readPersonSettings()
  const { token } = settings
  const url = settings.url ?? findRunning(settings.dataDir)?.portalUrl ?? DEFAULT_URL
  if (token === undefined) {
    throw new AppError(
      'token_missing',
      'Set DAYPASS_TOKEN to a token of yours (daypass token create --user NAME --name TEXT) and, away from this machine, DAYPASS_URL.',
    )
  }
  const call = (path: string, init: RequestInit & { query?: Query }): Promise<Response> =>
    request({ url, token, path, ...init })
  return {
    get: async (path, query) => (await call(path, query === undefined ? {} : { query })).json(),
    post: async (path, body) =>
      (await call(path, { method: 'POST', body: JSON.stringify(body) })).json(),
    stream: (path, query = {}) => streamed({ url, token, path, query }),
  }
}

type Query = Readonly<Record<string, string | undefined>>
type Call = RequestInit & { url: string; token: string; path: string; query?: Query }

/** Each byte has as long to come as the first. */
async function* streamed(asked: Call): AsyncGenerator<Uint8Array, void, undefined> {
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), STREAM_DEADLINE_MS)
  try {
    const { body } = await request({ ...asked, signal: patience.signal })
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      yield chunk
      timer.refresh()
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw new AppError(
      'portal_unreachable',
      `The portal at ${asked.url} broke off before the end, so this is not all of it: ${sentenceOf(cause)}`,
      { cause },
    )
  } finally {
    clearTimeout(timer)
  }
}

async function request({ url, token, path, query = {}, ...init }: Call): Promise<Response> {
  const target = new URL(`/api/v1${path}`, url)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, value)
  }
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const signal = init.signal ?? AbortSignal.timeout(DEADLINE_MS)
  const answer = await fetch(target, { ...init, headers, signal }).catch((cause: unknown) => {
    const why = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
    throw new AppError('portal_unreachable', `No portal answers at ${url}: ${sentenceOf(why)}`, {
      cause,
    })
  })
  if (!answer.ok) throw await refusalOf(answer, url)
  return answer
}

async function refusalOf(answer: Response, url: string): Promise<AppError> {
  const problem: unknown = await answer.json().catch(() => undefined)
  const code = textOf(problem, 'code') ?? `http_${String(answer.status)}`
  const detail = textOf(problem, 'detail') ?? `The portal answered ${String(answer.status)}.`
  const asked = answer.status === UNAUTHORIZED ? [`${detail} (asked at ${url})`] : [detail]
  const more = fieldSentences(problem).filter((sentence) => !sentence.endsWith(detail))
  return new AppError(code, [...asked, ...more].join('\n  '))
}

function fieldSentences(problem: unknown): string[] {
  if (typeof problem !== 'object' || problem === null || !('errors' in problem)) return []
  if (!Array.isArray(problem.errors)) return []
  return problem.errors.map(
    (error: unknown) => `${textOf(error, 'field') ?? ''}: ${textOf(error, 'message') ?? ''}`,
  )
}

function textOf(value: unknown, member: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const found: unknown = Object.entries(value).find(([name]) => name === member)?.[1]
  return typeof found === 'string' ? found : undefined
}
