import { AppError } from '../lib/errors.ts'
import { FROM_SERVER } from './wire/codes.ts'
import { HEADER_BYTES, LENGTH_FIELD } from './wire/limits.ts'
import { encodeError } from './wire/to-client.ts'

/** A client is told to go, in PostgreSQL's own way. */
export class Refusal extends AppError {
  readonly sqlstate: string
  /** The ErrorResponse that says so. */
  readonly response: Buffer

  constructor(sqlstate: string, sentence: string, response = fatal(sqlstate, sentence)) {
    super('proxy.refused', sentence, { facts: { sqlstate } })
    this.sqlstate = sqlstate
    this.response = response
  }
}

/** SQLSTATEs of the manual's "PostgreSQL Error Codes" that we say ourselves. */
export const SQLSTATE = {
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  connectionFailure: '08006',
  diskFull: '53100',
  tooManyConnections: '53300',
  adminShutdown: '57P01',
  cannotConnectNow: '57P03',
  internalError: 'XX000',
} as const

/** A FATAL error: PostgreSQL's clients know that the connection is over. */
export function fatal(sqlstate: string, message: string): Buffer {
  return encodeError({ severity: 'FATAL', sqlstate, message })
}

/** An ErrorResponse passed on as it came. */
export function errorResponse(body: Buffer): Buffer {
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt8(FROM_SERVER.error, 0)
  head.writeInt32BE(body.length + LENGTH_FIELD, 1)
  return Buffer.concat([head, body])
}
