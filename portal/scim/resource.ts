import { createHash } from 'node:crypto'
import { AppError } from '../../lib/errors.ts'
import { isStorable } from '../../broker/sessions/request.ts'
import { badSyntax, badValue } from './errors.ts'
import { attributeName } from './urns.ts'

/** A resource as it is sent. */
export type Resource = Readonly<Record<string, unknown>>

/** The attributes of something that came as JSON, by their names in small letters (RFC 7643, 2.1). */
export type Attributes = ReadonlyMap<string, unknown>

/** Reads a body that says it is of a schema. Errors: `invalidSyntax`, `media_type_unknown`. */
export function readResource(body: unknown, schema: string): Attributes {
  if (body === undefined) {
    throw new AppError('media_type_unknown', 'Send a body as application/scim+json in UTF-8.')
  }
  const attributes = attributesOf(body)
  if (attributes === undefined) throw badSyntax('Send one JSON object.')
  const schemas = attributes.get('schemas')
  const said = Array.isArray(schemas) ? schemas.map((one) => String(one).toLowerCase()) : []
  if (said.includes(schema.toLowerCase())) return attributes
  throw badSyntax(`Say ${schema} in "schemas".`)
}

/** The attributes of a JSON object; undefined for everything else. */
export function attributesOf(value: unknown): Attributes | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map(
    Object.entries(value).map(([name, each]: [string, unknown]) => [attributeName(name), each]),
  )
}

/** Text of an attribute; absent, null and empty are the same (RFC 7643, 2.5). Errors: `invalidValue`. */
export function textOf(value: unknown, attribute: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw badValue(`Give ${attribute} as text.`)
  if (!isStorable(value)) throw badValue(`${attribute} holds a NUL or half a character: remove it.`)
  const text = value.trim()
  return text === '' ? undefined : text
}

/** True or false of an attribute; Entra says "True" and "False". Errors: `invalidValue`. */
export function truthOf(value: unknown, attribute: string): boolean | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'boolean') return value
  const said = typeof value === 'string' ? value.toLowerCase() : ''
  if (said === 'true' || said === 'false') return said === 'true'
  throw badValue(`Give ${attribute} as true or false.`)
}

/** What a resource is worth in an If-Match: another as soon as anything of it changes. */
export function versionOf(resource: Resource): string {
  const digest = createHash('sha256').update(JSON.stringify(resource)).digest('hex')
  return `W/"${digest.slice(0, VERSION_LENGTH)}"`
}

const VERSION_LENGTH = 20

/** Where a resource stands, as people outside reach it. */
export function addressOf(base: URL, type: string, id: string): string {
  return new URL(`/scim/v2/${type}/${encodeURIComponent(id)}`, base).href
}
