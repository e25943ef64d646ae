import type { RequestHandler } from 'express'
import type { PortalDeps } from '../deps.ts'
import { fieldsOf } from '../forms/fields.ts'
import { idIn, sendScim } from './answers.ts'
import { ScimError } from './errors.ts'
import { COUNT_MOST, listJson } from './query.ts'
import { addressOf, type Resource } from './resource.ts'
import { SCHEMAS } from './schemas.ts'
import { GROUP, RESOURCE_TYPE, SERVICE_PROVIDER_CONFIG, USER } from './urns.ts'

/** What a directory reads first: what there is and what can be asked (RFC 7644, 4). */
export function discovery({ config: { publicUrl } }: PortalDeps) {
  const types = resourceTypes(publicUrl)
  const schemas = SCHEMAS.map((schema) => ({
    ...schema,
    meta: { resourceType: 'Schema', location: addressOf(publicUrl, 'Schemas', schema.id) },
  }))
  const config: RequestHandler = (_req, res) => sendScim(res, providerConfig(publicUrl))
  return {
    config,
    resourceTypes: listOf(types),
    resourceType: oneOf(types),
    schemas: listOf(schemas),
    schema: oneOf(schemas),
  }
}

function providerConfig(base: URL): Resource {
  return {
    schemas: [SERVICE_PROVIDER_CONFIG],
    patch: { supported: true },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: COUNT_MOST },
    changePassword: { supported: false },
    sort: { supported: false },
    etag: { supported: true },
    authenticationSchemes: [
      {
        type: 'oauthbearertoken',
        name: 'API token',
        description: 'A token of Daypass with the rights of an admin, in the Authorization header.',
        primary: true,
      },
    ],
    meta: {
      resourceType: 'ServiceProviderConfig',
      location: new URL('/scim/v2/ServiceProviderConfig', base).href,
    },
  }
}

function resourceTypes(base: URL): readonly (Resource & { readonly id: string })[] {
  return [
    { id: 'User', endpoint: '/Users', description: 'People who use Daypass', schema: USER },
    { id: 'Group', endpoint: '/Groups', description: 'Approver groups', schema: GROUP },
  ].map((type) => ({
    schemas: [RESOURCE_TYPE],
    ...type,
    name: type.id,
    meta: { resourceType: 'ResourceType', location: addressOf(base, 'ResourceTypes', type.id) },
  }))
}

function listOf(resources: readonly Resource[]): RequestHandler {
  return (req, res) => {
    // RFC 7644, 4: who filters here is told no
    if (fieldsOf(req.query).text('filter') !== '') {
      throw new ScimError(403, 'There is nothing to filter here: read the whole list.')
    }
    sendScim(res, listJson(resources, { startIndex: 1, total: resources.length }))
  }
}

function oneOf(resources: readonly (Resource & { readonly id: string })[]): RequestHandler {
  return (req, res) => {
    const id = idIn(req).toLowerCase()
    const found = resources.find((resource) => resource.id.toLowerCase() === id)
    if (found === undefined) throw new ScimError(404, 'There is nothing here of this name.')
    sendScim(res, found)
  }
}
