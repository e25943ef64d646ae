import { AppError } from '../lib/errors.ts'

/** Sentences by the name of the field that each is about. */
export type FieldMistakes = Readonly<Record<string, string>>

/** What a request is told about its failure; the same for a page and for a problem document. */
export interface Failure {
  readonly status: number
  readonly code: string
  readonly sentence: string
  readonly mistakes: FieldMistakes
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number
}

/** There is no such thing, or it is somebody else's: nobody can tell which. */
export class NotFound extends AppError {
  constructor() {
    super('not_found', 'There is nothing here under this address that you can see.')
  }
}

/** The address is there, but takes other methods. */
export class MethodNotAllowed extends AppError {
  constructor(allow: string) {
    super('method_not_allowed', `This address takes ${allow} only.`, { facts: { allow } })
  }
}

/** Something in the form or body has to be mended first: a sentence a field. */
export class InvalidRequest extends AppError {
  constructor(fields: FieldMistakes) {
    super('invalid_request', Object.values(fields).join(' '), { facts: { fields } })
  }
}

/** Too many tries; `retryAfter` in seconds. */
export class TooManyTries extends AppError {
  /** The first that is refused for its limit, until that is over: the one that is recorded. */
  readonly isFirst: boolean

  constructor(retryAfter: number, isFirst: boolean) {
    super('too_many_tries', `Too many tries. Wait ${retryAfter} s, then try again.`, {
      facts: { retryAfter },
    })
    this.isFirst = isFirst
  }
}

/** The one place where a code becomes a status (RFC 9110, 15). */
const STATUS: Readonly<Record<string, number>> = {
  malformed_request: 400,
  not_signed_in: 401,
  token_not_valid: 401,
  token_expired: 401,
  own_request: 403,
  own_sign_in: 403,
  own_account: 403,
  not_entitled: 403,
  address_not_allowed: 403,
  scope_missing: 403,
  cross_site: 403,
  form_outdated: 403,
  not_found: 404,
  method_not_allowed: 405,
  already_decided: 409,
  last_admin: 409,
  account_expired: 409,
  state_changed: 409,
  session_not_granted: 409,
  name_taken: 409,
  passkeys_unavailable: 409,
  gone: 410,
  too_large: 413,
  media_type_unknown: 415,
  invalid_request: 422,
  reason_required: 422,
  text_not_storable: 422,
  search_too_broad: 422,
  too_many_tries: 429,
  too_many_downloads: 429,
  part_not_started: 503,
  store_silent: 503,
  store_unreachable: 503,
  store_not_migrated: 503,
  store_is_newer: 503,
}

const STORE_AWAY: Failure = {
  status: 503,
  code: 'store_unreachable',
  sentence: "Daypass can't reach its store at the moment. Nothing was changed. Try again soon.",
  mistakes: {},
  retryAfter: 5,
}
/** It may have been heard before it fell silent. */
const STORE_SILENT: Failure = {
  status: 503,
  code: 'store_silent',
  sentence:
    'The store of Daypass does not answer. What you sent may still be done: look before you send it again.',
  mistakes: {},
  retryAfter: 5,
}
const UNFORESEEN: Failure = {
  status: 500,
  code: 'internal',
  sentence: 'Something went wrong on our side. Nothing you did; it has been noted in the log.',
  mistakes: {},
}

/** What to tell about anything that was thrown while a request was served. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Error && thrown.message === QUERY_TIMEOUT) return STORE_SILENT
  if (isStoreAway(thrown)) return STORE_AWAY
  const error = foreseen(thrown)
  const status = error && STATUS[error.code]
  if (error === undefined || status === undefined) return UNFORESEEN
  const retryAfter = error.facts['retryAfter']
  return {
    status,
    code: error.code,
    sentence: error.message,
    mistakes: mistakesOf(error),
    ...(typeof retryAfter === 'number' ? { retryAfter } : {}),
    ...(status === 503 ? { retryAfter: 5 } : {}),
  }
}

/** The sentences by field that an error carries; empty when it has none. */
export function mistakesOf(thrown: unknown): FieldMistakes {
  if (!(thrown instanceof AppError)) return {}
  if (thrown.code === 'reason_required') return { reason: thrown.message }
  const fields = thrown.facts['fields']
  if (typeof fields !== 'object' || fields === null) return {}
  return Object.fromEntries(
    Object.entries(fields).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

function foreseen(thrown: unknown): AppError | undefined {
  if (thrown instanceof AppError) return thrown
  if (!(thrown instanceof Error) || !('status' in thrown)) return undefined
  return FROM_BODY_PARSER[Number(thrown.status)]?.()
}

/** What express and its body parser throw (http-errors), as our own. */
const FROM_BODY_PARSER: Readonly<Record<number, () => AppError>> = {
  400: () => new AppError('malformed_request', "The request can't be read: check its syntax."),
  403: () =>
    new AppError(
      'form_outdated',
      'This form is from an earlier sign-in. Open the page again and resend.',
    ),
  413: () => new AppError('too_large', 'The request is larger than anything this address takes.'),
  415: () => new AppError('media_type_unknown', 'Send the body as application/json in UTF-8.'),
}

/** Node's codes for a connection that failed, and PostgreSQL's for a server that lets nobody in. */
const AWAY_CODES = new Set([
  'store_unreachable',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  '25006', // read_only_sql_transaction: a failover has not reached us yet
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
])
/** What pg throws without a code where an answer does not come in time. */
const QUERY_TIMEOUT = 'Query read timeout'
/** pg and its pool throw these without a code. */
const AWAY_SENTENCES =
  /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Knex: Timeout acquiring)/

function isStoreAway(thrown: unknown): boolean {
  if (thrown instanceof AggregateError) return thrown.errors.some(isStoreAway)
  if (!(thrown instanceof Error)) return false
  const code = 'code' in thrown ? String(thrown.code) : ''
  if (AWAY_CODES.has(code) || code.startsWith('08') || AWAY_SENTENCES.test(thrown.message))
    return true
  return isStoreAway(thrown.cause)
}
