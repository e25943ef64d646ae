import { keepingAnAdmin } from './last-admin.ts'
import { getPerson } from './people.ts'
import type { ManagementPrivilege, Person } from './person.ts'
import { recordPerson } from './person-record.ts'
import type { Origin } from './scope.ts'
import { endSignInsOf } from './sign-ins.ts'
import { rows, type Transaction } from './store.ts'

/** What a person may do beside asking for access. */
export interface Flags {
  readonly portalUser: boolean
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
  readonly mayEndSignIns: boolean
}

/** Flags that are to change; absent ones stay as they are. */
export type AskedFlags = { readonly [Flag in keyof Flags]?: Flags[Flag] | undefined }

/** Changes what a person may do, with its record; absent flags stay. False where nothing changed. Errors: `last_admin`. */
export async function changeFlags(
  tx: Transaction,
  origin: Origin,
  { person, flags }: { readonly person: Pick<Person, 'id'>; readonly flags: AskedFlags },
): Promise<boolean> {
  const changed = { organizationId: origin.organization.id, personId: person.id }
  return keepingAnAdmin(tx, changed, async () => {
    const before = await getPerson(tx, person.id)
    const wanted: Flags = {
      portalUser: flags.portalUser ?? before.portalUser,
      auditUser: flags.auditUser ?? before.auditUser,
      managementPrivilege: flags.managementPrivilege ?? before.managementPrivilege,
      mayEndSignIns: flags.mayEndSignIns ?? before.mayEndSignIns,
    }
    await rows(
      tx,
      `update people
          set portal_user = :portalUser, audit_user = :auditUser,
              management_privilege = :managementPrivilege, may_end_sign_ins = :mayEndSignIns
        where id = :id
          and organization_id = :organization`,
      { ...wanted, id: person.id, organization: origin.organization.id },
    )
    const after = await getPerson(tx, person.id)
    if (saidFlags(before) === saidFlags(after)) return false
    await recordPerson(tx, origin, {
      action: 'user.role_changed',
      person: after,
      before: flagFacts(before),
      after: flagFacts(after),
    })
    if (before.portalUser && !after.portalUser) {
      await endSignInsOf(tx, origin, person.id, { as: 'disabled', reason: NO_PORTAL_USER })
    }
    return true
  })
}

const NO_PORTAL_USER = 'No Portal User any more.'

function flagsOf({ portalUser, auditUser, managementPrivilege, mayEndSignIns }: Person): Flags {
  return { portalUser, auditUser, managementPrivilege, mayEndSignIns }
}

function saidFlags(person: Person): string {
  return JSON.stringify(flagsOf(person))
}

function flagFacts(person: Person): Record<string, string> {
  return {
    portal_user: String(person.portalUser),
    audit_user: String(person.auditUser),
    management_privilege: person.managementPrivilege,
    end_sign_ins: String(person.mayEndSignIns),
  }
}
