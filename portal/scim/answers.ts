import type { Request, Response } from 'express'
import { etagOf } from './preconditions.ts'
import { listJson, projected } from './query.ts'
import type { Resource } from './resource.ts'

/** RFC 7644, 3.1. */
export const SCIM_JSON = 'application/scim+json'

/** Answers with JSON of SCIM. */
export function sendScim(res: Response, body: Resource): void {
  res.type(SCIM_JSON).send(JSON.stringify(body))
}

/** Answers with one resource, as much of it as is asked for; who has this version gets 304. */
export function sendResource(req: Request, res: Response, resource: Resource): void {
  const part = projected(req, resource)
  res.set('etag', etagOf(resource))
  if (res.statusCode === CREATED) res.location(locationOf(resource))
  sendScim(res, part)
}

const CREATED = 201

/** Answers with a page of resources. */
export function sendList(
  req: Request,
  res: Response,
  found: {
    readonly resources: readonly Resource[]
    readonly startIndex: number
    readonly total: number
  },
): void {
  const parts = found.resources.map((resource) => projected(req, resource))
  sendScim(res, listJson(parts, found))
}

/** What stands in the address for one resource. */
export function idIn(req: Request): string {
  const id = req.params['id']
  return typeof id === 'string' ? id : ''
}

function locationOf({ meta }: Resource): string {
  if (typeof meta !== 'object' || meta === null || !('location' in meta)) return ''
  return String(meta.location)
}
