import type { DateTime } from 'luxon'
import { createPerson, type ManagementPrivilege, type Person } from '../../db/people.ts'
import type { PortalDeps } from '../deps.ts'
import { hashChosenPassword } from '../password-strength.ts'
import type { Visit } from '../visit.ts'
import { named } from './rules.ts'

/** A person as their form or body describes them. */
export interface UserCommand {
  readonly username: string
  readonly displayName?: string | undefined
  readonly email?: string | undefined
  /** Absent: chosen by its person with an invitation; until then they hold tokens alone. */
  readonly password?: string | undefined
  readonly portalUser: boolean
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
  /** Absent: as admins may. */
  readonly mayEndSignIns?: boolean | undefined
  readonly expiresAt?: DateTime<true> | null | undefined
}

/** Adds a person. Errors: `invalid_request`. */
export async function addUser(
  { store }: PortalDeps,
  { origin }: Visit,
  { password, email, ...command }: UserCommand,
): Promise<Person> {
  const passwordHash =
    password === undefined ? null : await hashChosenPassword(password, { ...command, email })
  return named(
    store.change((tx) =>
      createPerson(tx, origin, {
        ...command,
        displayName: command.displayName ?? command.username,
        passwordHash,
        ...(email === undefined ? {} : { email }),
      }),
    ),
  )
}
