import { changeAccount, type AccountChange } from '../../broker/accounts.ts'
import type { PolicyChanger } from '../../broker/policy/changer.ts'
import { changeMemberships } from '../../broker/policy/memberships.ts'
import type { Group } from '../../db/groups.ts'
import { getPerson, type Person } from '../../db/people.ts'
import type { Transaction } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import type { PortalDeps } from '../deps.ts'
import { NotFound } from '../errors.ts'
import type { Visit } from '../visit.ts'
import { named } from './rules.ts'

/**
 * Changes a person, each thing with a record of its own, all of it or nothing. Errors:
 * `invalid_request`, `own_account` for one's own privileges or end, `last_admin`, `not_found`.
 */
export function changeUser(
  { store }: PortalDeps,
  visit: Visit,
  command: ChangeCommand,
): Promise<Person> {
  return named(store.change((tx) => changeUserIn(tx, visit, command)))
}

/** Whom to change, and into what. */
export interface ChangeCommand {
  readonly person: Person
  readonly change: AccountChange
}

/** As changeUser, in the transaction of who changes more than that. */
export async function changeUserIn(
  tx: Transaction,
  visit: Visit,
  { person, change }: ChangeCommand,
): Promise<Person> {
  const changed = await changeAccount(tx, visit.origin, {
    person,
    change,
    allow: async (locked, now) => {
      if (touchesRights(now, change)) refuseOwn(visit, now)
      await refuseDemoted(locked, visit)
    },
  })
  if (changed === undefined) throw new NotFound()
  return changed
}

/**
 * Puts a person into these approver groups and takes them out of all others. Errors:
 * `invalid_request`, `own_account`, `state_changed`.
 */
export function changeGroupsOf(
  { store }: PortalDeps,
  by: PolicyChanger,
  { person, groupIds }: { readonly person: Person; readonly groupIds: readonly string[] },
): Promise<readonly Group[]> {
  refuseOwn(by, person)
  return changeMemberships(store, by, { personId: person.id, groupIds })
}

/** Whoever was an admin when they asked may be none by the time it is their turn. Errors: `not_entitled`. */
export async function refuseDemoted(
  tx: Transaction,
  { scope }: Pick<Visit, 'scope'>,
): Promise<void> {
  const { outAs, managementPrivilege } = await getPerson(tx, scope.person.id)
  if (outAs === null && managementPrivilege === 'admin') return
  throw new AppError('not_entitled', 'Your account may not do this any more: ask an admin.')
}

/** Nobody gives themselves rights, takes themselves out of reach or keeps themselves in. Errors: `own_account`. */
export function refuseOwn({ scope }: Pick<Visit, 'scope'>, person: Person): void {
  if (person.id !== scope.person.id) return
  throw new AppError(
    'own_account',
    'Ask another admin: nobody changes their own privileges, expiration date or way in.',
  )
}

function touchesRights(person: Person, change: AccountChange): boolean {
  const { expiresAt, portalUser, auditUser, managementPrivilege, mayEndSignIns } = change
  const moved = expiresAt !== undefined && expiresAt?.toMillis() !== person.expiresAt?.toMillis()
  return (
    moved ||
    (portalUser ?? person.portalUser) !== person.portalUser ||
    (auditUser ?? person.auditUser) !== person.auditUser ||
    (managementPrivilege ?? person.managementPrivilege) !== person.managementPrivilege ||
    (mayEndSignIns ?? person.mayEndSignIns) !== person.mayEndSignIns
  )
}
