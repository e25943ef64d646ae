import { randomBytes } from 'node:crypto'

/** A session's number as people say it, in decimal ("68"). */
export type SessionId = string & { readonly brand: 'SessionId' }

/** At most 18 digits: always inside PostgreSQL's bigint. */
const SESSION_DIGITS = /^[1-9][0-9]{0,17}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The only door from outside text to a SessionId; past it the type is proof. */
export function parseSessionId(text: string): SessionId | undefined {
  return SESSION_DIGITS.test(text) ? (text as SessionId) : undefined
}

/** True where text is a UUID in its canonical lower-case form. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

/** A UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then 74 random bits. */
export function uuidv7(now: number = Date.now()): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}
