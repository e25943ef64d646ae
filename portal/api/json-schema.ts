/** A JSON Schema (2020-12) or a part of one. */
export type Json = Readonly<Record<string, unknown>>

export const text: Json = { type: 'string' }
export const flag: Json = { type: 'boolean' }
export const count: Json = { type: 'integer' }
export const number: Json = { type: 'number' }
export const instant: Json = { type: 'string', format: 'date-time' }
/** A value that may be unknown. */
export const orNull = (schema: Json): Json => ({ anyOf: [schema, { type: 'null' }] })
/** Any number of these. */
export const list = (items: Json): Json => ({ type: 'array', items })
/** A schema of the document by its name. */
export const named = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** Every member is always there; what is unknown is null. */
export function shape(
  properties: Readonly<Record<string, Json>>,
  optional: readonly string[] = [],
): Json {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required }
}
