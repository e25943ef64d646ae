import type { DateTime } from 'luxon'
import { organizationIdOf, type Scope } from './scope.ts'
import { findRow, rows, type Db } from './store.ts'
import type { TokenScope } from './tokens.ts'

/** A token as people see it: never its secret, which nobody keeps. */
export interface Token {
  readonly id: string
  readonly name: string
  readonly personId: string
  readonly username: string
  readonly kind: 'person' | 'service'
  /** The beginning and the end of the secret; null for those made before they were kept. */
  readonly prefix: string | null
  readonly suffix: string | null
  readonly scopes: readonly TokenScope[]
  /** By the store's clock. */
  readonly state: 'live' | 'expired' | 'ended'
  readonly createdAt: DateTime<true>
  /** Null where an operator made it, as `endedBy` where Daypass or an operator ended it. */
  readonly createdBy: string | null
  /** Null: never. */
  readonly expiresAt: DateTime<true> | null
  /** To the minute. */
  readonly lastUsedAt: DateTime<true> | null
  readonly lastUsedIp: string | null
  readonly endedAt: DateTime<true> | null
  readonly endedBy: string | null
}

const TOKEN = `
     select t.id, t.name, t.person_id as "personId", p.username, p.kind, t.prefix, t.suffix, t.scopes,
            case when t.ended_at is not null then 'ended'
                 when t.expires_at <= now() then 'expired'
                 else 'live'
            end as state,
            t.created_at as "createdAt", c.username as "createdBy", t.expires_at as "expiresAt",
            t.last_used_at as "lastUsedAt", t.last_used_ip as "lastUsedIp",
            t.ended_at as "endedAt", e.username as "endedBy"
       from tokens t
       join people p on p.id = t.person_id
       left join people c on c.id = t.created_by
       left join people e on e.id = t.ended_by
      where t.organization_id = coalesce(cast(:organization as uuid), t.organization_id)`

/** How many of a person's tokens a list holds; those that ended long ago are in the trail. */
const LISTED_MOST = 200

/** The tokens of one person or application, live ones first, then newest first. */
export function listTokensOf(db: Db, scope: Scope, personId: string): Promise<Token[]> {
  return rows(
    db,
    `${TOKEN}
        and t.person_id = :personId
      order by (t.ended_at is null and coalesce(t.expires_at > now(), true)) desc, t.created_at desc, t.id
      limit ${LISTED_MOST}`,
    { personId, organization: organizationIdOf(scope) },
  )
}

/** One token, within the scope's organization. */
export function findToken(db: Db, scope: Scope, id: string): Promise<Token | undefined> {
  return findRow(db, `${TOKEN} and t.id = :id`, { id, organization: organizationIdOf(scope) })
}

/** Every token that is live or has expired, of everyone or of one, newest first. */
export function listTokens(db: Db, scope: Scope, personId: string | undefined): Promise<Token[]> {
  return rows(
    db,
    `${TOKEN}
        and t.ended_at is null
        and t.person_id = coalesce(cast(:personId as uuid), t.person_id)
      order by t.created_at desc, t.id`,
    { personId: personId ?? null, organization: organizationIdOf(scope) },
  )
}
