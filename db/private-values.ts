import { createHash, randomBytes } from 'node:crypto'
import { storable } from './canonical.ts'

/** A private value with the salt that its digest in the body was made with. */
export interface PrivateValue {
  readonly salt: string
  readonly value: string
}
export type Payload = Readonly<Record<string, PrivateValue>>

const SALT_BYTES = 16

/** The digest that stands in a body for a private value: sha256 over salt, then value. */
export function digestOf({ salt, value }: PrivateValue): string {
  const hash = createHash('sha256').update(Buffer.from(salt, 'base64')).update(value)
  return `sha256:${hash.digest('hex')}`
}

/** What is known of a record's private values, each with a salt of its own. Errors: `text_not_storable`. */
export function privateValuesOf(known: {
  readonly reason?: string
  readonly justification?: string
  readonly clientIp?: string
  readonly userAgent?: string
}): Payload {
  const values = {
    reason: known.reason,
    justification: known.justification,
    client_ip: known.clientIp,
    user_agent: known.userAgent,
  }
  return Object.fromEntries(
    Object.entries(values)
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([name, value]) => [
        name,
        { salt: randomBytes(SALT_BYTES).toString('base64'), value: storable(value) },
      ]),
  )
}
