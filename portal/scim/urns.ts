/** RFC 7643, 8.7 and 10.3; RFC 7644, 8.2. */
export const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const SERVICE_PROVIDER_CONFIG = 'urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'
export const RESOURCE_TYPE = 'urn:ietf:params:scim:schemas:core:2.0:ResourceType'
export const SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Schema'
export const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
export const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'
export const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error'

/** Attributes may be written behind the schema they are of (RFC 7644, 3.10); these are ours. */
const OWN = [`${USER}:`, `${GROUP}:`].map((urn) => urn.toLowerCase())

/** A name of an attribute in small letters, without the core schema before it. */
export function attributeName(text: string): string {
  const lower = text.toLowerCase()
  const prefix = OWN.find((own) => lower.startsWith(own))
  return prefix === undefined ? lower : lower.slice(prefix.length)
}

/** True for an attribute of a schema that is not ours, such as the enterprise extension. */
export function isExtension(attribute: string): boolean {
  return attribute.startsWith('urn:')
}
