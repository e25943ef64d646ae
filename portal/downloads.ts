import type { Request, Response } from 'express'
import type { Store } from '../db/store.ts'
import { AppError, sentenceOf } from '../lib/errors.ts'
import type { PortalDeps } from './deps.ts'
import { visitOf } from './visit.ts'

/** Each has a connection to the store of its own. */
const AT_ONCE = 3
/** One person's slow readers must leave a place to the others. */
const AT_ONCE_EACH = 2
const RETRY_AFTER_SECONDS = 10
/** A reader who takes nothing for this long has left without saying so; milliseconds. */
const READER_DEADLINE_MS = 60_000

/** Ids of the people whose downloads run, by the store they read from: its pages and its API share the places. */
const running = new WeakMap<Store, string[]>()

/**
 * Runs one download; a fault before its first byte is answered as any other, later ones are logged,
 * since a reader can only be told by its breaking off. Errors: `too_many_downloads`.
 */
export async function runDownload(
  { store, log }: PortalDeps,
  req: Request,
  res: Response,
  work: () => Promise<void>,
): Promise<void> {
  const { id } = visitOf(req).scope.person
  const people = running.get(store) ?? []
  running.set(store, people)
  if (people.filter((other) => other === id).length >= AT_ONCE_EACH) {
    throw tooMany('Other downloads of yours')
  }
  if (people.length >= AT_ONCE) throw tooMany('Other downloads')
  people.push(id)
  try {
    await work()
  } catch (error) {
    if (!res.headersSent) throw error
    noteEnd(log, error)
  } finally {
    people.splice(people.indexOf(id), 1)
  }
}

/** Cuts a reader off who takes nothing any more. */
export function watchReader(res: Response): void {
  res.setTimeout(READER_DEADLINE_MS, () => res.destroy())
}

function tooMany(whose: string): AppError {
  return new AppError(
    'too_many_downloads',
    `${whose} are still running here. Wait until one is done, then try again.`,
    { facts: { retryAfter: RETRY_AFTER_SECONDS } },
  )
}

function noteEnd(log: PortalDeps['log'], error: unknown): void {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_STREAM_PREMATURE_CLOSE') {
    log.info({}, 'a reader left before the end of a download')
  } else {
    log.error({ error: sentenceOf(error) }, 'a download broke off')
  }
}
