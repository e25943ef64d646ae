import { deleteAccount } from '../../broker/accounts.ts'
import { checkText } from '../../broker/sessions/lifecycle.ts'
import {
  changeApplication,
  createApplication,
  findApplication,
  findOwner,
  getApplication,
  recordApplicationEnd,
  type Application,
} from '../../db/applications.ts'
import type { ManagementPrivilege } from '../../db/people.ts'
import type { Transaction } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import type { Visit } from '../visit.ts'
import { named } from './rules.ts'
import { changeUserIn, refuseOwn } from './user-changes.ts'
import { lockUser, unlockUser } from './user-ends.ts'

/** An application as its form or body describes it. */
export interface ApplicationCommand {
  readonly username: string
  readonly displayName?: string | undefined
  readonly purpose: string
  /** Absent: who adds it. */
  readonly owner?: string | undefined
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
}

/** Adds an application. Errors: `invalid_request`. */
export function addApplication(
  { store }: PortalDeps,
  visit: Visit,
  { owner, ...command }: ApplicationCommand,
): Promise<Application> {
  return named(
    store.change(async (tx) =>
      createApplication(tx, visit.origin, {
        ...command,
        displayName: command.displayName ?? command.username,
        owner: await ownerNamed(tx, visit, owner ?? visit.scope.person.username),
      }),
    ),
  )
}

/** What of an application is to change; absent members stay as they are. */
export interface ApplicationChange {
  readonly displayName?: string | undefined
  readonly purpose?: string | undefined
  readonly owner?: string | undefined
  readonly auditUser?: boolean | undefined
  readonly managementPrivilege?: ManagementPrivilege | undefined
}

/** Changes an application and the rights of its account, all of it or nothing. Errors: `invalid_request`, `own_account`. */
export function alterApplication(
  { store }: PortalDeps,
  visit: Visit,
  { id, change }: { readonly id: string; readonly change: ApplicationChange },
): Promise<Application> {
  const { owner, purpose, ...ofAccount } = change
  return named(
    store.change(async (tx) => {
      const before = await getLiveApplication(tx, visit, id)
      refuseOwn(visit, before)
      await changeUserIn(tx, visit, { person: before, change: ofAccount })
      const terms = {
        purpose: purpose ?? before.purpose,
        owner: owner === undefined ? before.owner : await ownerNamed(tx, visit, owner),
      }
      return changeApplication(tx, visit.origin, { before, terms })
    }),
  )
}

/** Keeps an application out for now: its tokens stop, and what it was granted ends. Errors: as removeApplication. */
export const lockApplication = holding(lockUser)
/** Lets a locked application work again. Errors: as removeApplication. */
export const unlockApplication = holding(unlockUser)

/** Which application, and why. */
export interface ApplicationEnd {
  readonly id: string
  readonly reason?: string | undefined
}

function holding(change: typeof lockUser) {
  return async (
    deps: PortalDeps,
    visit: Visit,
    { id, reason }: ApplicationEnd,
  ): Promise<Application> => {
    const person = await findApplication(deps.store.db, visit.scope, id)
    if (person === undefined || person.deletedAt !== null) throw new NotFound()
    await change(deps, visit, { person, reason })
    return (await findApplication(deps.store.db, visit.scope, id)) ?? person
  }
}

/** Ends an application for good, with all its tokens and what it asked for. Errors: `not_found`, `own_account`, `invalid_request`. */
export function removeApplication(
  { store }: PortalDeps,
  visit: Visit,
  { id, reason }: { readonly id: string; readonly reason?: string | undefined },
): Promise<Application> {
  const text = checkText('reason', reason)
  return store.change(async (tx) => {
    const application = await getLiveApplication(tx, visit, id)
    refuseOwn(visit, application)
    const end = { person: application, reason: text }
    const isEnded = await deleteAccount(tx, visit, end)
    if (isEnded) await recordApplicationEnd(tx, visit.origin, { application, reason: text })
    return getApplication(tx, id)
  })
}

async function getLiveApplication(
  tx: Transaction,
  { scope }: Visit,
  id: string,
): Promise<Application> {
  const found = await findApplication(tx, scope, id)
  if (found === undefined || found.deletedAt !== null) throw new NotFound()
  return found
}

async function ownerNamed(tx: Transaction, { scope }: Visit, username: string) {
  const owner = await findOwner(tx, scope.organization.id, username)
  if (owner !== undefined && owner.disabledAt === null) return owner
  throw new InvalidRequest({ owner: `There is no user ${username} here who may act.` })
}
