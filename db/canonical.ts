import { AppError } from '../lib/errors.ts'

/** Strings, lists and named members of them: all that a record's body may hold. */
export type Canonical =
  string | readonly Canonical[] | { readonly [member: string]: Canonical | undefined }

/** UTF-16 surrogates without their other half: no JSON reader agrees on them. */
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * The one way to write a value as bytes (RFC 8785): members sorted by UTF-16 code units, no
 * spaces, absent members left out. Only strings are leaves, so no number can be written two ways.
 * Errors: `text_not_storable` for NUL and lone surrogates, which PostgreSQL or JSON can't carry.
 */
export function canonicalize(value: Canonical): string {
  if (typeof value === 'string') return JSON.stringify(storable(value))
  if (isList(value)) return `[${value.map(canonicalize).join(',')}]`
  const members = Object.entries(value)
    .filter((member): member is [string, Canonical] => member[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(storable(name))}:${canonicalize(member)}`)
  return `{${members.join(',')}}`
}

/** The text itself, proven free of what a record can't hold. */
export function storable(text: string): string {
  if (text.includes('\u0000') || LONE_SURROGATE.test(text)) {
    throw new AppError(
      'text_not_storable',
      "The text holds a NUL or half a character, which a record can't keep: remove it and try again.",
    )
  }
  return text
}

function isList(value: Canonical): value is readonly Canonical[] {
  return Array.isArray(value)
}
