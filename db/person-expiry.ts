import type { DateTime } from 'luxon'
import { recordPerson } from './person-record.ts'
import type { Origin } from './scope.ts'
import { endSignInsOf } from './sign-ins.ts'
import { findRow, iso, rows, type Db, type Transaction } from './store.ts'

/** An account whose date has come. */
export interface ExpiredAccount {
  readonly id: string
  readonly organizationId: string
}

/** Accounts whose date has come and of which nobody has written so yet, longest overdue first. */
export function listExpiredAccounts(db: Db, limit: number): Promise<ExpiredAccount[]> {
  return rows(
    db,
    `select id, organization_id as "organizationId"
       from people
      where expires_at <= now()
        and disabled_at is null
      order by expires_at, id
      limit :limit`,
    { limit },
  )
}

/**
 * Writes that an account has expired, with its record, and ends its sign-ins; answers whose it is.
 * Undefined where it is out already or its date was moved. Reads no more of people than a broker may.
 */
export async function expireAccount(
  tx: Transaction,
  origin: Origin,
  id: string,
): Promise<string | undefined> {
  const expired = await findRow<{
    readonly id: string
    readonly username: string
    readonly expiresAt: DateTime<true>
  }>(
    tx,
    `update people
        set disabled_at = now(), out_as = 'expired'
      where id = :id
        and organization_id = :organization
        and expires_at <= now()
        and disabled_at is null
  returning id, username, expires_at as "expiresAt"`,
    { id, organization: origin.organization.id },
  )
  if (expired === undefined) return undefined
  await recordPerson(tx, origin, {
    action: 'user.disabled',
    person: expired,
    before: { status: 'active' },
    after: { status: 'expired' },
    details: { expires_at: iso(expired.expiresAt) },
    reason: 'expired',
  })
  await endSignInsOf(tx, origin, id, { as: 'disabled', reason: 'The account has expired.' })
  return expired.username
}
