import { idsOf, refuseTerms, refuseWayAround } from '../../broker/policy/changes.ts'
import { askForCheck } from '../../db/data-source-checks.ts'
import { findDataSource } from '../../db/data-sources.ts'
import { createGroup, findGroup, type Group } from '../../db/groups.ts'
import { createRole, type Role } from '../../db/roles.ts'
import type { Transaction } from '../../db/store.ts'
import type { PortalDeps } from '../deps.ts'
import { InvalidRequest } from '../errors.ts'
import type { Visit } from '../visit.ts'
import { named } from './rules.ts'

/** A role as its form or body describes it; names stand for data source, group and people. */
export interface RoleCommand {
  readonly dataSource: string
  readonly name: string
  readonly databaseRole: string
  readonly description: string
  readonly group?: string | undefined
  /** Usernames; they become a group of the role's own. */
  readonly approvers?: readonly string[] | undefined
  readonly approvalsNeeded: number
  readonly defaultMinutes: number
  readonly maximumMinutes: number
  readonly dangerous: boolean
}

/** Defines a role. Errors: `invalid_request`. */
export async function addRole(
  { store }: PortalDeps,
  visit: Visit,
  command: RoleCommand,
): Promise<Role> {
  const { scope, origin } = visit
  return named(
    store.change(async (tx) => {
      const source = await findDataSource(tx, scope, command.dataSource)
      if (source === undefined) {
        throw new InvalidRequest({ dataSource: `There is no data source ${command.dataSource}.` })
      }
      const approvers = await approverGroup(tx, visit, command)
      refuseTerms(command, approvers?.members.filter(({ locked }) => !locked).length ?? 0)
      const role = await createRole(tx, origin, {
        ...command,
        dataSourceId: source.id,
        approverGroupId: approvers?.id ?? null,
      })
      // after the schema has had its say: a broken name is told at the name
      await refuseWayAround(tx, visit, { role, field: 'approvalsNeeded' })
      await askForCheck(tx, {
        dataSourceId: source.id,
        roleId: role.id,
        cause: 'registration',
        askedBy: scope.person.username,
      })
      return role
    }),
  )
}

async function approverGroup(
  tx: Transaction,
  visit: Visit,
  { group, approvers, dataSource, name }: RoleCommand,
): Promise<Group | undefined> {
  if (group !== undefined) {
    const found = await findGroup(tx, visit.scope, group)
    if (found === undefined) throw new InvalidRequest({ group: `There is no group ${group}.` })
    return found
  }
  if (approvers === undefined || approvers.length === 0) return undefined
  const memberIds = await idsOf(tx, visit, approvers, 'approvers')
  return createGroup(tx, visit.origin, { name: `${dataSource} ${name} approvers`, memberIds })
}
