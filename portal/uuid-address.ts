import type { Request } from 'express'
import { isUuid } from '../lib/ids.ts'
import { NotFound } from './errors.ts'

/** The UUID in a request's address. Errors: `not_found` for anything else. */
export function uuidIn(req: Request): string {
  const id = req.params['id']
  if (typeof id === 'string' && isUuid(id)) return id
  throw new NotFound()
}
