import { DateTime } from 'luxon'
import type { AuditCursor } from '../../db/audit-search.ts'

/** A cursor as a link carries it, with how many records stand before it. */
export interface AuditPlace extends AuditCursor {
  readonly position: number
}

const PLACE = /^(\d{1,13})\.([1-9]\d{0,17})\.(\d{1,12})$/

/** The opaque text for a place: milliseconds, sequence and position. */
export function placeText({ at, seq, position }: AuditPlace): string {
  return Buffer.from(`${at.toMillis()}.${seq}.${position}`).toString('base64url')
}

/** Reads a place back; undefined for text that none of our links carries. */
export function parsePlace(text: string): AuditPlace | undefined {
  const [, at, seq, position] = PLACE.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? []
  if (at === undefined || seq === undefined || position === undefined) return undefined
  const instant = DateTime.fromMillis(Number(at), { zone: 'utc' })
  return instant.isValid ? { at: instant, seq, position: Number(position) } : undefined
}
