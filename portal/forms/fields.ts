import { AppError } from '../../lib/errors.ts'
import type { FieldMistakes } from '../errors.ts'

/** The fields of a posted form, read without trusting that any is there or is text. */
export interface Fields {
  /** The field's text without spaces around it; empty where it is absent. */
  text(name: string): string
  /** The field as it was typed, spaces and all. */
  raw(name: string): string
  /** Every value of a repeated field. */
  list(name: string): string[]
}

/** What a form gives: a command, or a sentence for each wrong field. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly mistakes: FieldMistakes }

/** Opens a body that a browser posted. Errors: `malformed_request` for NUL bytes. */
export function fieldsOf(body: unknown): Fields {
  const entries: Record<string, unknown> =
    typeof body === 'object' && body !== null ? { ...body } : {}
  const list = (name: string): string[] => {
    const value = Object.hasOwn(entries, name) ? entries[name] : undefined
    const values: unknown[] = Array.isArray(value) ? value : [value]
    return values.filter((one) => typeof one === 'string').map(refuseNul)
  }
  return {
    list,
    raw: (name) => list(name)[0] ?? '',
    text: (name) => (list(name)[0] ?? '').trim(),
  }
}

/** Drops the fields about which there is nothing to say. */
export function mistakesIn(
  candidates: Readonly<Record<string, string | undefined>>,
): FieldMistakes {
  return Object.fromEntries(
    Object.entries(candidates).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** The summary above a form. */
export function summaryOf(mistakes: FieldMistakes): { field: string; text: string }[] {
  return Object.entries(mistakes).map(([field, text]) => ({ field, text }))
}

/** PostgreSQL can't hold a NUL in text, and no form of ours sends one. */
function refuseNul(text: string): string {
  if (!text.includes('\u0000')) return text
  throw new AppError(
    'malformed_request',
    'The form holds a NUL character: remove it and try again.',
  )
}
