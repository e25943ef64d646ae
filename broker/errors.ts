import type { SessionId } from '../lib/ids.ts'
import { AppError } from '../lib/errors.ts'

/** Why the broker said no; pages and the API choose their status by it. */
export type BrokerCode =
  | 'own_request'
  | 'not_entitled'
  | 'not_found'
  | 'already_decided'
  | 'state_changed'
  | 'session_not_granted'
  | 'invalid_request'
  | 'reason_required'

/** A request of a person that the rules refuse; nothing was changed. */
export class Refused extends AppError {
  declare readonly code: BrokerCode

  constructor(code: BrokerCode, message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, message, { facts })
  }
}

/** The fields of a request that need mending, a sentence each; also in `facts.fields`. */
export class InvalidRequest extends Refused {
  readonly fields: Readonly<Record<string, string>>

  constructor(fields: Readonly<Record<string, string>>) {
    super('invalid_request', Object.values(fields).join(' '), { fields })
    this.fields = fields
  }
}

/** The same answer for a session that is not there and for one that is another's business. */
export function notFound(id: SessionId): Refused {
  return new Refused('not_found', `There is no session ${id} that you may see.`)
}

/** Why a data source could not be made to do what was needed. */
export type DataSourceCode =
  | 'data_source_unreachable'
  | 'data_source_read_only'
  | 'data_source_too_old'
  | 'role_not_ours'
  | 'claim_lost'
  | 'removal_unfinished'
  | 'login_remains'
  | 'backends_remain'

/** A step on a data source that failed; it is tried again. */
export class DataSourceError extends AppError {
  declare readonly code: DataSourceCode

  constructor(code: DataSourceCode, message: string, cause?: unknown) {
    super(code, message, { cause })
  }
}
