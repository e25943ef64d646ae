import { deleteAccount, disableAccount } from '../../broker/accounts.ts'
import { checkText, requireReason } from '../../broker/sessions/lifecycle.ts'
import { getPerson, type Person } from '../../db/people.ts'
import { enablePerson, lockPerson, unlockPerson } from '../../db/person-changes.ts'
import type { Transaction } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import type { Visit } from '../visit.ts'
import { refuseDemoted, refuseOwn } from './user-changes.ts'

/** Whose way in is changed, and why. */
export interface EndCommand {
  readonly person: Person
  readonly reason?: string | undefined
}

/**
 * Keeps somebody out for now: sign-ins end, tokens stop, what they asked for and was granted ends
 * within two seconds. Errors: `own_account`, `last_admin`, `invalid_request`.
 */
export function lockUser(deps: PortalDeps, visit: Visit, command: EndCommand): Promise<Person> {
  return making(deps, visit, command, (tx, reason) =>
    lockPerson(tx, visit.origin, command.person.id, reason),
  )
}

/** Lets a locked person in again. Errors: `own_account`, `invalid_request`. */
export function unlockUser(deps: PortalDeps, visit: Visit, command: EndCommand): Promise<Person> {
  return making(deps, visit, command, (tx, reason) =>
    unlockPerson(tx, visit.origin, command.person.id, reason),
  )
}

/**
 * Ends an account until it is enabled: as locking, and its tokens end for good, and what it asked for
 * and waits is canceled. Errors: `own_account`, `last_admin`, `invalid_request`, `reason_required`.
 */
export function disableUser(deps: PortalDeps, visit: Visit, command: EndCommand): Promise<Person> {
  refuseOwn(visit, command.person)
  requireReason(command.reason ?? '')
  return making(deps, visit, command, (tx, reason) =>
    disableAccount(tx, visit, { ...command, reason }),
  )
}

/** Gives a disabled or expired person their account back. Errors: `own_account`, `account_expired`. */
export function enableUser(deps: PortalDeps, visit: Visit, command: EndCommand): Promise<Person> {
  return making(deps, visit, command, (tx, reason) =>
    enablePerson(tx, visit.origin, command.person.id, reason),
  )
}

/**
 * Ends an account for good: as disabling, and it leaves its groups; history keeps the name. Errors:
 * `own_account`, `last_admin`, `invalid_request`.
 */
export function deleteUser(deps: PortalDeps, visit: Visit, command: EndCommand): Promise<Person> {
  return making(deps, visit, command, (tx, reason) =>
    deleteAccount(tx, visit, { ...command, reason }),
  )
}

async function making(
  { store }: PortalDeps,
  visit: Visit,
  { person, reason }: EndCommand,
  change: (tx: Transaction, reason: string | undefined) => Promise<boolean>,
): Promise<Person> {
  refuseOwn(visit, person)
  const text = checkText('reason', reason)
  return store.change(async (tx) => {
    await change(tx, text)
    // behind the locks that the change took
    await refuseDemoted(tx, visit)
    return getPerson(tx, person.id)
  })
}
