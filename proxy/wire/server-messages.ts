import { WireError } from '../errors.ts'
import { decodeUtf8 } from './body.ts'
import type { Body, Decode } from './body.ts'
import { CANCEL_KEY_LEAST, CANCEL_KEY_MOST } from './limits.ts'

/** Decoders of what a server sends. Each takes the body and throws a WireError if it is malformed. */

export type Authentication =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartext password' }
  | { readonly kind: 'md5 password'; readonly salt: Buffer }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'sasl continue'; readonly data: string }
  | { readonly kind: 'sasl final'; readonly data: string }
  | { readonly kind: 'other'; readonly code: number }

export interface BackendKey {
  readonly pid: number
  readonly key: Buffer
}

export interface Negotiation {
  /** The newest minor version that the server speaks. */
  readonly minor: number
  readonly unknownOptions: readonly string[]
}

/** An ErrorResponse or NoticeResponse; an empty string where a field is missing. */
export interface ServerReport {
  readonly severity: string
  readonly sqlstate: string
  readonly message: string
  /** By field letter, all of them (manual, "Error and Notice Message Fields"). */
  readonly fields: ReadonlyMap<string, string>
}

export type TransactionState = 'I' | 'T' | 'E'

/** AUTH_REQ_ codes in PostgreSQL's pqcomm.h. */
const AUTHENTICATION: Readonly<Record<number, (body: Body) => Authentication>> = {
  0: () => ({ kind: 'ok' }),
  3: () => ({ kind: 'cleartext password' }),
  5: (body) => ({ kind: 'md5 password', salt: Buffer.from(body.bytes(4)) }),
  10: (body) => ({ kind: 'sasl', mechanisms: readMechanisms(body) }),
  11: (body) => ({ kind: 'sasl continue', data: body.textOf(body.left) }),
  12: (body) => ({ kind: 'sasl final', data: body.textOf(body.left) }),
}

export function readAuthentication(body: Body): Authentication {
  const code = body.int32()
  const request = AUTHENTICATION[code]?.(body)
  if (!request) return { kind: 'other', code }
  body.end()
  return request
}

export function readParameterStatus(body: Body, decode: Decode = decodeUtf8): [string, string] {
  const status: [string, string] = [body.text(decode), body.text(decode)]
  body.end()
  return status
}

export function readBackendKey(body: Body): BackendKey {
  const pid = body.int32()
  if (body.left < CANCEL_KEY_LEAST || body.left > CANCEL_KEY_MOST) {
    throw new WireError('invalid length of a cancel key')
  }
  // in memory of its own: a copy from the shared pool keeps 8 kB for as long as the connection lives
  const key = Buffer.allocUnsafeSlow(body.left)
  body.bytes(body.left).copy(key)
  return { pid, key }
}

export function readNegotiation(body: Body): Negotiation {
  const minor = body.int32() & 0xffff
  const count = body.int32()
  const unknownOptions: string[] = []
  for (let index = 0; index < count; index += 1) unknownOptions.push(body.text())
  body.end()
  return { minor, unknownOptions }
}

/**
 * The fields of an error or a notice. Whatever ends early is taken as far as it came: a report that
 * was cut, or that a broken server left without its end, still says something worth recording.
 */
export function readReport(body: Body, decode: Decode = decodeUtf8): ServerReport {
  const fields = new Map<string, string>()
  while (body.left > 1) {
    const letter = String.fromCharCode(body.uint8())
    if (letter === '\0') break
    fields.set(letter, body.textOrRest(decode))
  }
  return {
    // V is the severity in English, sent since PostgreSQL 9.6
    severity: fields.get('V') ?? fields.get('S') ?? '',
    sqlstate: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
    fields,
  }
}

export function readTag(body: Body): string {
  return body.text()
}

export function readParameterTypes(body: Body): number[] {
  const count = body.uint16()
  const types: number[] = []
  for (let index = 0; index < count; index += 1) types.push(body.uint32())
  return types
}

export function readReady(body: Body): TransactionState {
  const state = String.fromCharCode(body.uint8())
  body.end()
  if (state === 'I' || state === 'T' || state === 'E') return state
  throw new WireError('invalid transaction state')
}

function readMechanisms(body: Body): string[] {
  const mechanisms: string[] = []
  for (;;) {
    const mechanism = body.text()
    if (mechanism === '') return mechanisms
    mechanisms.push(mechanism)
  }
}
