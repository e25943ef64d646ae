import { randomInt } from 'node:crypto'
import pg from 'pg'
import type { SessionId } from '../../lib/ids.ts'
import { AppError } from '../../lib/errors.ts'

/** NAMEDATALEN - 1: PostgreSQL cuts longer names in silence, and then means another role. */
const IDENTIFIER_BYTES = 63
/** Ours stay shorter than that by far, so that nothing built on them is ever cut. */
const USERNAME_BYTES = 40
const SLUG_LENGTH = 12
const RANDOM_LENGTH = 8
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'
const NOT_PLAIN = /[^a-z0-9]+/g

/** The one way a name enters SQL. Errors: `identifier_not_usable` for what PostgreSQL would change. */
export function identifier(name: string): string {
  const bytes = Buffer.byteLength(name)
  if (
    bytes === 0 ||
    bytes > IDENTIFIER_BYTES ||
    name.includes('\0') ||
    /\p{Surrogate}/u.test(name)
  ) {
    throw new AppError(
      'identifier_not_usable',
      `${JSON.stringify(name.slice(0, IDENTIFIER_BYTES))} can't be the name of a role: PostgreSQL takes 1 to 63 bytes.`,
    )
  }
  return pg.escapeIdentifier(name)
}

/** The one way a value enters SQL that takes no bound values. */
export function literal(text: string): string {
  return pg.escapeLiteral(text)
}

/** A session user's name: whose, which session, and a part nobody can guess. */
export function makeUsername(requester: string, id: SessionId): string {
  const room = USERNAME_BYTES - `dp__${id}_`.length - RANDOM_LENGTH
  const slug = requester
    .toLowerCase()
    .replaceAll(NOT_PLAIN, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, Math.min(SLUG_LENGTH, room))
  const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET.charAt(randomInt(36))).join(
    '',
  )
  return `dp_${slug || 'user'}_${id}_${random}`
}
