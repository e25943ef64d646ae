import { AppError } from '../lib/errors.ts'
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
  queryCanceled: '57014',
  adminShutdown: '57P01',
  idleTimeout: '57P05',
  cannotConnectNow: '57P03',
  internalError: 'XX000',
} as const

/** A FATAL error: PostgreSQL's clients know that the connection is over. */
export function fatal(sqlstate: string, message: string, detail?: string): Buffer {
  const more = detail === undefined ? {} : { detail }
  return encodeError({ severity: 'FATAL', sqlstate, message, ...more })
}
