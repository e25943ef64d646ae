import { isUuid } from '../lib/ids.ts'
import { PERSON, type Person } from './person.ts'
import type { PersonScope } from './scope.ts'
import { getRow, rows, type Db } from './store.ts'

/** What a directory looks its users up by; absent members ask nothing. */
export interface DirectoryFilter {
  readonly id?: string
  /** The same in any case, as an address is. */
  readonly username?: string
  readonly email?: string
  readonly externalId?: string
  readonly active?: boolean
}

/** Some of the users that fit, and how many there are. */
export interface DirectoryPage {
  readonly people: readonly Person[]
  readonly total: number
}

/** Disabled or expired; a lock is an admin's own matter, which a directory neither sees nor lifts. */
const IS_ENDED = `
       coalesce(case when p.disabled_at is not null then p.out_as in ('disabled', 'expired')
                     else p.expires_at <= now()
                end, false)`

const FITS = `
       p.organization_id = :organization
   and p.kind = 'person'
   and p.deleted_at is null
   and (cast(:id as text) is null or p.id = cast(nullif(:uuid, '') as uuid))
   and (cast(:username as text) is null or lower(p.username) = lower(:username))
   and (cast(:email as text) is null or lower(p.email) = lower(:email))
   and (cast(:externalId as text) is null or p.external_id = :externalId)
   and (cast(:active as boolean) is null or ${IS_ENDED} <> cast(:active as boolean))`

/** True where a directory sees the account as active: it is neither disabled nor expired. */
export function isActive({ outAs }: Person): boolean {
  return outAs !== 'disabled' && outAs !== 'expired'
}

/** Users of the scope's organization that a filter fits, by username; services are none. */
export async function listDirectory(
  db: Db,
  { organization }: PersonScope,
  {
    filter,
    offset,
    limit,
  }: { readonly filter: DirectoryFilter; readonly offset: number; readonly limit: number },
): Promise<DirectoryPage> {
  const { id, username, email, externalId, active } = filter
  const bindings = {
    organization: organization.id,
    id: id ?? null,
    uuid: id !== undefined && isUuid(id) ? id : '',
    username: username ?? null,
    email: email ?? null,
    externalId: externalId ?? null,
    active: active ?? null,
  }
  const { total } = await getRow<{ total: number }>(
    db,
    `select cast(count(*) as integer) as total
       from people p
      where ${FITS}`,
    bindings,
  )
  const people = await rows<Person>(
    db,
    `select ${PERSON}
       from people p
      where ${FITS}
      order by p.username, p.id
     offset :offset
      limit :limit`,
    { ...bindings, offset, limit },
  )
  return { people, total }
}
