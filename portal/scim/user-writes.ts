import type { Request } from 'express'
import { deleteAccount, disableAccount } from '../../broker/accounts.ts'
import { isActive } from '../../db/directory.ts'
import { listGroups } from '../../db/groups.ts'
import { lockAdmins } from '../../db/last-admin.ts'
import { createPerson, findPerson, getPerson, type Person } from '../../db/people.ts'
import { enablePerson } from '../../db/person-changes.ts'
import { changeExternalId } from '../../db/person-edits.ts'
import { lockPolicy } from '../../db/policy-versions.ts'
import type { Db, Transaction } from '../../db/store.ts'
import { isUuid } from '../../lib/ids.ts'
import { changeUserIn, refuseOwn } from '../administration/user-changes.ts'
import type { PortalDeps } from '../deps.ts'
import { visitOf, type Visit } from '../visit.ts'
import { ScimError } from './errors.ts'
import { mustMatch } from './preconditions.ts'
import type { Resource } from './resource.ts'
import { unique } from './uniqueness.ts'
import { userJson } from './user-json.ts'
import type { UserWish } from './user-wish.ts'

const ENDED = 'The directory ended the account (SCIM).'
const DELETED = 'The directory deleted the account (SCIM).'
const ENABLED = 'The directory enabled the account (SCIM).'

/** A user of the visit's organization. Errors: 404. */
export async function getUser(db: Db, { scope }: Visit, id: string): Promise<Person> {
  const person = isUuid(id) ? await findPerson(db, scope, id) : undefined
  if (person?.kind === 'person') return person
  throw new ScimError(404, 'There is no such user.')
}

/** Adds a user without a password: an invitation or single sign-on lets them in. Errors: `uniqueness`. */
export function createUser(
  deps: PortalDeps,
  visit: Visit,
  wish: UserWish & { readonly userName: string },
): Promise<Resource> {
  const { userName, displayName = userName, email, externalId, active } = wish
  return unique(
    deps.store.change(async (tx) => {
      const person = await createPerson(tx, visit.origin, {
        username: userName,
        displayName,
        ...(typeof email === 'string' ? { email } : {}),
        externalId,
        passwordHash: null,
        portalUser: true,
        auditUser: false,
        managementPrivilege: 'none',
      })
      if (active === false) await disableAccount(tx, visit, { person, reason: ENDED })
      return presented(deps, tx, { visit, id: person.id })
    }),
  )
}

/** Changes a user into what is wished of them, all of it or nothing. Errors: 404, 412, `uniqueness`. */
export function changeToWish(
  deps: PortalDeps,
  req: Request,
  { id, wishOf }: { readonly id: string; readonly wishOf: (person: Person) => UserWish },
): Promise<Resource> {
  return writing(deps, req, id, async (tx, visit, person) => {
    await fulfil(tx, visit, person, wishOf(person))
    return presented(deps, tx, { visit, id })
  })
}

/** Ends a user's account for good. Errors: 404, 412, `own_account`, `last_admin`. */
export async function removeUser(deps: PortalDeps, req: Request, id: string): Promise<void> {
  await writing(deps, req, id, async (tx, visit, person) => {
    refuseOwn(visit, person)
    await deleteAccount(tx, visit, { person, reason: DELETED })
  })
}

/** A user as they stand in a transaction, or outside one. */
export async function presented(
  { config }: PortalDeps,
  db: Db,
  { visit, id }: { readonly visit: Visit; readonly id: string },
): Promise<Resource> {
  const [person, groups] = [await getUser(db, visit, id), await listGroups(db, visit.scope)]
  return userJson(config.publicUrl, person, groups)
}

/** Nobody else changes the user between what is read of them and what is written. */
function writing<T>(
  deps: PortalDeps,
  req: Request,
  id: string,
  work: (tx: Transaction, visit: Visit, person: Person) => Promise<T>,
): Promise<T> {
  const visit = visitOf(req)
  const organizationId = visit.origin.organization.id
  return unique(
    deps.store.change(async (tx) => {
      const { id: personId } = await getUser(tx, visit, id)
      // locks in one order everywhere: the policy, the admins, then one person
      await lockPolicy(tx, organizationId)
      await lockAdmins(tx, { organizationId, personId })
      mustMatch(req, await presented(deps, tx, { visit, id }))
      return work(tx, visit, await getUser(tx, visit, id))
    }),
  )
}

async function fulfil(
  tx: Transaction,
  visit: Visit,
  person: Person,
  { userName, displayName, email, externalId, active }: UserWish,
): Promise<void> {
  const { origin } = visit
  await changeUserIn(tx, visit, { person, change: { username: userName, displayName, email } })
  if (externalId !== undefined) await changeExternalId(tx, origin, { person, externalId })
  if (active === undefined || active === isActive(person)) return
  refuseOwn(visit, person)
  const now = await getPerson(tx, person.id)
  if (active) await enablePerson(tx, origin, now.id, ENABLED)
  else await disableAccount(tx, visit, { person: now, reason: ENDED })
}
