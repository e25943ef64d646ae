import express, { type Request, type RequestHandler } from 'express'
import { AppError } from '../../lib/errors.ts'
import { mayAdminister } from '../privileges.ts'
import { findVisit } from '../visit.ts'
import { readMultipart, type FormPart } from './multipart.ts'

/** A file of 1 MB, whose line ends a browser may write with two characters, and the fields beside it. */
const UPLOAD_LIMIT = '2.5mb'
const UPLOAD = 'multipart/form-data'

/** The fields of a form that may carry a file, for admins alone: nobody else sends so much. */
export function uploads(): readonly RequestHandler[] {
  const raw: RequestHandler = express.raw({ type: UPLOAD, limit: UPLOAD_LIMIT })
  return [
    (req, res, next) => {
      const scope = findVisit(req)?.scope
      if (scope !== undefined && mayAdminister(scope)) void raw(req, res, next)
      else next()
    },
    (req, _res, next) => {
      const body: unknown = req.body
      if (Buffer.isBuffer(body)) req.body = readForm(req, body)
      next()
    },
  ]
}

/** The fields by name; a chosen file stands in for the text of `csv`. Errors: `malformed_request`. */
function readForm(req: Request, body: Buffer): Readonly<Record<string, string>> {
  const parts = readMultipart(req.get('content-type') ?? '', body)
  if (parts === undefined) {
    throw new AppError('malformed_request', "The form can't be read: send it once more.")
  }
  const typed = parts.filter(({ fileName }) => fileName === undefined)
  const file = parts.find(({ fileName, bytes }) => fileName !== undefined && bytes.length > 0)
  const fields = new Map(typed.map(({ name, bytes }) => [name, bytes.toString('utf8')]))
  if (file !== undefined) fields.set(...readFile(file))
  return Object.fromEntries(fields)
}

/** Other encodings would turn letters into others without a word. */
function readFile({ bytes }: FormPart): [string, string] {
  try {
    return ['csv', new TextDecoder('utf-8', { fatal: true }).decode(bytes)]
  } catch {
    return ['unreadable', 'yes']
  }
}
