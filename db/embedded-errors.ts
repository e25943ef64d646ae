import { AppError, type ErrorOptions } from '../lib/errors.ts'

/** Every way the embedded PostgreSQL refuses, as programs see it. */
export type EmbeddedPostgresCode =
  | 'EMBEDDED_NO_BINARIES'
  | 'EMBEDDED_BINARIES_UNUSABLE'
  | 'EMBEDDED_NO_ACCOUNT'
  | 'EMBEDDED_NO_ACCESS'
  | 'EMBEDDED_NOT_A_CLUSTER'
  | 'EMBEDDED_WRONG_VERSION'
  | 'EMBEDDED_BAD_PASSWORD'
  | 'EMBEDDED_INITDB_FAILED'
  | 'EMBEDDED_ALREADY_RUNNING'
  | 'EMBEDDED_PORT_TAKEN'
  | 'EMBEDDED_START_FAILED'
  | 'EMBEDDED_STOP_FAILED'

/** The embedded PostgreSQL could not be found, made, started or stopped; the message says what to do. */
export class EmbeddedPostgresError extends AppError {
  constructor(code: EmbeddedPostgresCode, message: string, options: ErrorOptions = {}) {
    super(code, message, options)
  }
}
