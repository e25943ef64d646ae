import { PERSON, type Person } from './person.ts'
import { organizationIdOf, type Scope } from './scope.ts'
import { getRow, rows, type Db } from './store.ts'

/** Accounts are told to expire from so many days on. */
export const EXPIRING_DAYS = 14

/** Which accounts are meant, in the words of the Users tab. */
export const USER_STATUSES = [
  'all',
  'active',
  'locked',
  'disabled',
  'expired',
  'expiring',
  'deleted',
] as const
export type UserStatus = (typeof USER_STATUSES)[number]

/** A part of the list of users. */
export interface UserSearch {
  /** Found in username, name or e-mail address, in any case; empty: everyone. */
  readonly q: string
  readonly status: UserStatus
  readonly limit: number
  readonly offset: number
}

/** A person is in exactly one of the ways to be in or out; `expiring` ones are active, too. */
const CONDITIONS: Readonly<Record<UserStatus, string>> = {
  all: `p.deleted_at is null`,
  active: `p.disabled_at is null and coalesce(p.expires_at > now(), true)`,
  locked: `p.disabled_at is not null and coalesce(p.out_as, 'locked') = 'locked'`,
  disabled: `p.out_as = 'disabled'`,
  expired: `(p.out_as = 'expired' or (p.disabled_at is null and p.expires_at <= now()))`,
  expiring: `p.disabled_at is null and p.expires_at > now()
             and p.expires_at <= now() + make_interval(days => ${EXPIRING_DAYS})`,
  deleted: `p.deleted_at is not null`,
}

/** Two thousand and more people are found by any part of what they are called. */
const FOUND = `
            p.organization_id = coalesce(cast(:organization as uuid), p.organization_id)
        and p.kind = 'person'
        and strpos(lower(concat_ws(chr(10), p.username, p.display_name, p.email)), lower(:q)) > 0`

/** People of the scope, by username; those who were deleted where they are asked for alone. */
export function searchUsers(
  db: Db,
  scope: Scope,
  { q, status, limit, offset }: UserSearch,
): Promise<Person[]> {
  return rows(
    db,
    `select ${PERSON}
       from people p
      where ${FOUND}
        and ${CONDITIONS[status]}
      order by p.username, p.id
      limit :limit
     offset :offset`,
    { organization: organizationIdOf(scope), q, limit, offset },
  )
}

/** How many people of the scope are in each status, among those who are found. */
export function countUsers(
  db: Db,
  scope: Scope,
  q: string,
): Promise<Readonly<Record<UserStatus, number>>> {
  const counts = USER_STATUSES.map(
    (status) => `cast(count(*) filter (where ${CONDITIONS[status]}) as integer) as ${status}`,
  )
  return getRow(
    db,
    `select ${counts.join(',\n            ')}
       from people p
      where ${FOUND}`,
    { organization: organizationIdOf(scope), q },
  )
}
