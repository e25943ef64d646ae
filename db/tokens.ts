import { createHash, randomBytes } from 'node:crypto'
import type { DateTime } from 'luxon'
import { AppError } from '../lib/errors.ts'
import { appendRecord } from './audit-log.ts'
import { PERSON, IS_OUT, type Organization, type Person } from './person.ts'
import type { Origin } from './scope.ts'
import { findRow, getRow, iso, rows, storeTime, type Db, type Transaction } from './store.ts'

/** What a token may do of what its person may: ask, decide, read, change. */
export const TOKEN_SCOPES = ['request', 'approve', 'audit', 'admin'] as const
export type TokenScope = (typeof TOKEN_SCOPES)[number]

/** Makes leaked tokens findable by secret scanners. */
const PREFIX = 'daypass_'
const TOKEN_BYTES = 24
const TOKEN = /^daypass_[A-Za-z0-9_-]{32}$/
/** Shown of the secret's beginning and end: 48 of its 192 bits, so that 144 stay unknown. */
const SHOWN = 4
/** A token's last use is kept to the minute, so that reading costs no write each time. */
const LAST_USED_STEP = '1 minute'

/** What a token is made of; without `days` it never expires, without `scopes` it may do all. */
export interface NewToken {
  readonly person: Pick<Person, 'id' | 'organizationId' | 'username' | 'kind'>
  readonly name: string
  readonly scopes?: readonly TokenScope[]
  readonly days?: number
}

export interface MadeToken {
  readonly id: string
  /** In this answer alone. */
  readonly token: string
  readonly expiresAt: DateTime<true> | null
}

/** Makes a token for a person or an application, with its record. */
export async function createToken(
  tx: Transaction,
  origin: Origin,
  { person, name, scopes = TOKEN_SCOPES, days }: NewToken,
): Promise<MadeToken> {
  const may = await findRow(
    tx,
    `select p.id
       from people p
      where p.id = :id
        and not ${IS_OUT}
        for share`,
    { id: person.id },
  )
  if (may === undefined) {
    throw new AppError(
      'state_changed',
      `${person.username} may not act any more, so no token was made.`,
    )
  }
  const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url')
  const { id, expiresAt } = await getRow<{ id: string; expiresAt: DateTime<true> | null }>(
    tx,
    `insert into tokens (organization_id, person_id, name, hash, prefix, suffix, scopes, expires_at, created_by)
     values (:organization, :person, :name, :hash, :prefix, :suffix, :scopes,
             now() + make_interval(days => cast(:days as integer)), :by)
  returning id, expires_at as "expiresAt"`,
    {
      organization: person.organizationId,
      person: person.id,
      name,
      hash: hashOf(token),
      prefix: token.slice(0, PREFIX.length + SHOWN),
      suffix: token.slice(-SHOWN),
      scopes: TOKEN_SCOPES.filter((scope) => scopes.includes(scope)),
      days: days ?? null,
      by: actingId(origin),
    },
  )
  if (person.kind === 'service') await takeInHand(tx, origin, person.id)
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'token.created',
    area: 'tokens',
    subject: { type: 'token', id, name },
    outcome: 'ok',
    details: {
      username: person.username,
      scopes: scopes.join(' '),
      expires_at: expiresAt === null ? '' : iso(expiresAt),
    },
  })
  return { id, token, expiresAt }
}

/** Who acts, where that is somebody with a row in people. */
export function actingId({ actor }: Origin): string | null {
  return actor.type === 'system' ? null : actor.id
}

/** Remembers that the actor, and who stands behind an actor that is a program, may act through an application. */
export async function takeInHand(
  tx: Transaction,
  origin: Origin,
  applicationId: string,
  personId = actingId(origin),
): Promise<void> {
  if (personId === null) return
  await rows(
    tx,
    `insert into application_hands (application_id, organization_id, person_id)
     select :applicationId, :organization, person_id
       from (select cast(:personId as uuid) as person_id
              union
             select person_id from application_hands where application_id = :personId) hands
         on conflict (application_id, person_id) do nothing`,
    { applicationId, organization: origin.organization.id, personId },
  )
}

/** Whose token it is, and what it may do. */
export interface TokenHolder {
  readonly person: Person
  readonly organization: Organization
  readonly tokenId: string
  readonly scopes: readonly TokenScope[]
  /** Null: never. */
  readonly expiresAt: DateTime<true> | null
  /** True where the use of an application from this address is to be a record. */
  readonly isUseDue: boolean
}

/** The token was right, and its time is over. */
export class TokenExpired extends AppError {
  readonly username: string

  constructor(username: string) {
    super('token_expired', 'The token has expired: make a new one.')
    this.username = username
  }
}

type HolderRow = Person & {
  readonly organizationName: string
  readonly accountId: string
  readonly tokenId: string
  readonly scopes: readonly TokenScope[]
  readonly tokenExpiresAt: DateTime<true> | null
  readonly isExpired: boolean
  readonly isUseDue: boolean
}

/**
 * Whose token it is, if it is live by the store's clock and its person may still act; notes its use.
 * One statement, as every call of the API begins with it. Errors: `TokenExpired`.
 */
export async function findPersonByToken(
  db: Db,
  token: string,
  clientIp = 'unknown',
): Promise<TokenHolder | undefined> {
  if (!TOKEN.test(token)) return undefined
  const row = await findRow<HolderRow>(
    db,
    `with found as (
       select ${PERSON}, o.name as "organizationName", o.account_id as "accountId",
              t.id as "tokenId", t.scopes, t.expires_at as "tokenExpiresAt",
              coalesce(t.expires_at <= now(), false) as "isExpired",
              coalesce(t.last_used_at < now() - interval '${LAST_USED_STEP}', true) as "isStale",
              p.kind = 'service'
              and not exists (select from application_uses u
                               where u.application_id = p.id
                                 and u.client_ip = :clientIp
                                 and u.noted_at > now() - interval '1 hour') as "isUseDue"
         from tokens t
         join people p on p.id = t.person_id
         join organizations o on o.id = p.organization_id
        where t.hash = :hash
          and t.ended_at is null
          and not ${IS_OUT}
     ), used as (
       update tokens t
          set last_used_at = date_trunc('minute', now()), last_used_ip = :clientIp
         from found f
        where t.id = f."tokenId"
          and f."isStale"
          and not f."isExpired"
     )
     select * from found`,
    { hash: hashOf(token), clientIp },
  )
  if (row === undefined) return undefined
  if (row.isExpired) throw new TokenExpired(row.username)
  return holderOf(row)
}

function holderOf(row: HolderRow): TokenHolder {
  const { organizationName: name, accountId, tokenId, scopes, tokenExpiresAt, ...person } = row
  return {
    person,
    organization: { id: person.organizationId, name, accountId },
    tokenId,
    scopes,
    expiresAt: tokenExpiresAt,
    isUseDue: row.isUseDue,
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
