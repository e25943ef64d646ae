import type { Request } from 'express'
import { ScimError } from './errors.ts'
import type { Resource } from './resource.ts'

/** Where a request says which version it changes, it must be the one there is. Errors: 412. */
export function mustMatch(req: Request, resource: Resource): void {
  const wanted = req.get('if-match')
  if (wanted === undefined || wanted.trim() === '*') return
  const version = strong(etagOf(resource))
  if (wanted.split(',').some((one) => strong(one) === version)) return
  throw new ScimError(412, 'It was changed meanwhile: read it again, then send your change.')
}

/** The version in a resource's meta. */
export function etagOf({ meta }: Resource): string {
  if (typeof meta !== 'object' || meta === null || !('version' in meta)) return ''
  return String(meta.version)
}

/** SCIM's versions are weak, and compared all the same (RFC 7644, 3.14). */
function strong(etag: string): string {
  return etag.trim().replace(/^W\//, '')
}
