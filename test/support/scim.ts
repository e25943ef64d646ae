import type { Express } from 'express'
import request from 'supertest'

export const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const PATCH_OP = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

/** SCIM as a directory that holds a token calls it. */
export class Directory {
  readonly #app: Express
  readonly #token: string | undefined

  constructor(app: Express, token?: string) {
    this.#app = app
    this.#token = token
  }

  get(path: string): request.Test {
    return this.call('get', path)
  }

  post(path: string, body: object): request.Test {
    return this.call('post', path, body)
  }

  put(path: string, body: object): request.Test {
    return this.call('put', path, body)
  }

  /** As both Entra and Okta wrap what they change. */
  patch(path: string, ...operations: object[]): request.Test {
    return this.call('patch', path, { schemas: [PATCH_OP], Operations: operations })
  }

  delete(path: string): request.Test {
    return this.call('delete', path)
  }

  call(
    method: 'get' | 'post' | 'put' | 'patch' | 'delete',
    path: string,
    body?: object,
  ): request.Test {
    const sent = request(this.#app)[method](`/scim/v2${path}`)
    if (this.#token !== undefined) sent.auth(this.#token, { type: 'bearer' })
    if (body !== undefined) sent.type('application/scim+json').send(JSON.stringify(body))
    return sent
  }
}

/** What SCIM answered, whatever it is. */
export interface Scim {
  readonly id: string
  readonly userName: string
  readonly displayName: string
  readonly active: boolean
  readonly externalId?: string
  readonly emails?: readonly { readonly value: string }[]
  readonly groups: readonly { readonly value: string; readonly display: string }[]
  readonly members: readonly { readonly value: string; readonly display: string }[]
  readonly meta: {
    readonly version: string
    readonly location: string
    readonly resourceType: string
  }
  readonly totalResults: number
  readonly startIndex: number
  readonly itemsPerPage: number
  readonly Resources: readonly Scim[]
  readonly status: string
  readonly scimType?: string
  readonly detail: string
  readonly schemas: readonly string[]
}

/** The body of an answer of SCIM. */
export function scim(answer: request.Response): Scim {
  return JSON.parse(answer.text) as Scim
}
