import type { PersonScope } from '../db/scope.ts'
import { AppError } from '../lib/errors.ts'
import { NotFound } from './errors.ts'

/** May open the administration pages. */
export function maySeeAdministration({ person }: PersonScope): boolean {
  return person.managementPrivilege !== 'none'
}

/** May change data sources, roles, groups and people. */
export function mayAdminister({ person }: PersonScope): boolean {
  return person.managementPrivilege === 'admin'
}

/** May open the audit trail. */
export function mayAudit({ person }: PersonScope): boolean {
  return person.auditUser
}

/**
 * May read the policy (what is lent, to whom, by whose approval), and see what Daypass does by
 * itself and what went wrong with it.
 */
export function mayOversee(scope: PersonScope): boolean {
  return maySeeAdministration(scope) || mayAudit(scope)
}

/** May see who signed in to the portal, and from where. */
export function maySeeSignIns(scope: PersonScope): boolean {
  return mayAudit(scope) || mayEndSignIns(scope) || mayAdminister(scope)
}

/** May end other people's sign-ins, and lock them out with it: a privilege of its own. */
export function mayEndSignIns({ person }: PersonScope): boolean {
  return person.mayEndSignIns
}

/** For pages: what one may not do does not exist. Errors: `not_found`. */
export function orNotFound(may: boolean): void {
  if (!may) throw new NotFound()
}

/** For the API: says that a right is missing. Errors: `not_entitled`. */
export function orNotEntitled(may: boolean): void {
  if (!may) throw new AppError('not_entitled', 'Your account may not do this: ask an admin.')
}
