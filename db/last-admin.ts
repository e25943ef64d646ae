import { AppError } from '../lib/errors.ts'
import { IS_OUT } from './person.ts'
import { getRow, rows, type Transaction } from './store.ts'

/** Whose change it is, and in which organization. */
export interface ChangedPerson {
  readonly organizationId: string
  readonly personId: string
}

/**
 * Keeps others from changing the admins of an organization, and this person, until the transaction
 * ends: two admins who demote each other at the same moment must not both succeed.
 */
export async function lockAdmins(
  tx: Transaction,
  { organizationId, personId }: ChangedPerson,
): Promise<void> {
  await rows(
    tx,
    `select p.id
       from people p
      where p.organization_id = :organizationId
        and (p.id = :personId or (p.management_privilege = 'admin' and p.deleted_at is null))
      order by p.id
        for no key update`,
    { organizationId, personId },
  )
}

/**
 * Makes a change after which there must still be an admin who may sign in, and one whose account
 * has no end, where there was one before. Errors: `last_admin`.
 */
export async function keepingAnAdmin<T>(
  tx: Transaction,
  changed: ChangedPerson,
  change: () => Promise<T>,
): Promise<T> {
  await lockAdmins(tx, changed)
  const before = await countAdmins(tx, changed)
  const done = await change()
  const after = await countAdmins(tx, changed)
  const isKept = (count: keyof Admins): boolean => before[count] === 0 || after[count] > 0
  if (isKept('active') && isKept('lasting')) return done
  throw new AppError(
    'last_admin',
    'Nobody else is an admin for good: give somebody else the Management Privilege Admin first, as a Portal User without an expiration date.',
  )
}

interface Admins {
  readonly active: number
  readonly lasting: number
}

function countAdmins(tx: Transaction, { organizationId }: ChangedPerson): Promise<Admins> {
  return getRow(
    tx,
    `select cast(count(*) as integer) as active,
            cast(count(*) filter (where p.expires_at is null) as integer) as lasting
       from people p
      where p.organization_id = :organizationId
        and p.kind = 'person'
        and p.management_privilege = 'admin'
        and p.portal_user
        and p.password_hash is not null
        and not ${IS_OUT}`,
    { organizationId },
  )
}
