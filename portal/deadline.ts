import type { RequestHandler } from 'express'
import { AppError } from '../lib/errors.ts'

/** Longer than any page takes and than the store's connect deadline, shorter than people wait. */
const ANSWER_WITHIN_MS = 10_000

/** A download counts what it holds before its first byte, an import writes thousands of records: they have deadlines of their own. */
const UNHURRIED =
  /\/(?:(?:audit|sessions\/\d+\/statements)\/download|users\/import(?:\/confirmation)?)\/?$/i

/**
 * Answers `store_silent` where a request gets no answer in time: a store that is frozen, or behind a
 * network that drops what it is sent, refuses nothing and only falls silent.
 */
export function answerWithin(milliseconds = ANSWER_WITHIN_MS): RequestHandler {
  return (req, res, next) => {
    if (!UNHURRIED.test(req.path)) {
      const timer = setTimeout(() => {
        if (!res.headersSent) next(silent(req.method))
      }, milliseconds)
      res.once('close', () => clearTimeout(timer))
    }
    next()
  }
}

function silent(method: string): AppError {
  const advice =
    method === 'GET' || method === 'HEAD'
      ? 'Try again soon.'
      : 'It may still be done: look before you send it again.'
  return new AppError('store_silent', `The store of Daypass does not answer. ${advice}`)
}
