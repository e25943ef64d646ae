import type { Request } from 'express'
import { findAnyPerson, type Person } from '../db/people.ts'
import type { PortalDeps } from './deps.ts'
import { NotFound } from './errors.ts'
import { mayAudit } from './privileges.ts'
import { uuidIn } from './uuid-address.ts'
import { visitOf } from './visit.ts'

/**
 * The user in a request's address; who was deleted is there for Audit Users alone, and an application is
 * no user. Errors: `not_found`.
 */
export async function getUserIn(req: Request, { store }: PortalDeps): Promise<Person> {
  const { scope } = visitOf(req)
  const person = await findAnyPerson(store.db, scope, uuidIn(req))
  const isHidden = person?.deletedAt != null && !mayAudit(scope)
  if (person?.kind !== 'person' || isHidden) throw new NotFound()
  return person
}

/** The same, for those who change them: who was deleted can't be. Errors: `not_found`. */
export async function getChangeableUserIn(req: Request, deps: PortalDeps): Promise<Person> {
  const person = await getUserIn(req, deps)
  if (person.deletedAt !== null) throw new NotFound()
  return person
}
