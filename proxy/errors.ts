import { AppError } from '../lib/errors.ts'

/** protocol_violation, PostgreSQL's own answer to bytes that are not its protocol. */
const PROTOCOL_VIOLATION = '08P01'
/** connection_failure: what a client is told when the data source could not be reached or trusted. */
const CONNECTION_FAILURE = '08006'

/**
 * A peer sent bytes that are not the protocol. The message is fit for that peer: it names what was
 * wrong, never what was sent.
 */
export class WireError extends AppError {
  readonly sqlstate: string
  /** What PostgreSQL says in the detail of this error, where it says something. */
  readonly detail: string | undefined

  constructor(message: string, sqlstate: string = PROTOCOL_VIOLATION, detail?: string) {
    super('proxy.wire', message, { facts: { sqlstate } })
    this.sqlstate = sqlstate
    this.detail = detail
  }
}

/** The data source could not prove who it is, or asked for a login that is not ours to give. */
export class UpstreamLoginError extends AppError {
  readonly sqlstate = CONNECTION_FAILURE

  constructor(message: string) {
    super('proxy.upstream_login', message)
  }
}
