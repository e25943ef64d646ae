import type { DateTime } from 'luxon'
import { appendRecord } from './audit-log.ts'
import { IS_OUT } from './person.ts'
import { detailsOf, differencesBetween, sayDifferences } from './policy-facts.ts'
import { keepPolicyVersion } from './policy-versions.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { findRow, getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

/** What people request on a data source. */
export interface Role {
  readonly id: string
  readonly organizationId: string
  readonly dataSource: { readonly id: string; readonly name: string }
  readonly name: string
  /** The role of the database itself whose membership a session user gets. */
  readonly databaseRole: string
  readonly description: string
  readonly approverGroup: { readonly id: string; readonly name: string } | null
  /** People of the approver group who may sign in today. */
  readonly approvers: readonly Approver[]
  /** 0: approved at once by `system (auto-approve)`. */
  readonly approvalsNeeded: number
  readonly defaultMinutes: number
  readonly maximumMinutes: number
  /** Marked by an admin as too powerful for one approval. */
  readonly dangerous: boolean
  /** What the last check found that makes it too powerful to lend, a phrase each. */
  readonly dangers: readonly string[]
  readonly disabledAt: DateTime<true> | null
}

export interface Approver {
  readonly id: string
  readonly username: string
  readonly displayName: string
}

export interface NewRole {
  readonly dataSourceId: string
  readonly name: string
  readonly databaseRole: string
  readonly description?: string
  readonly approverGroupId: string | null
  readonly approvalsNeeded: number
  readonly defaultMinutes: number
  readonly maximumMinutes: number
  readonly dangerous?: boolean
}

/** What of a role can change; its data source and database role never do. */
export interface RoleTerms {
  readonly description: string
  readonly approverGroup: { readonly id: string; readonly name: string } | null
  readonly approvalsNeeded: number
  readonly defaultMinutes: number
  readonly maximumMinutes: number
  readonly dangerous: boolean
  readonly offered: boolean
}

const ROLE = `
       r.id, r.organization_id as "organizationId",
       json_build_object('id', d.id, 'name', d.name) as "dataSource",
       r.name, r.database_role as "databaseRole", r.description,
       case when g.id is not null then json_build_object('id', g.id, 'name', g.name) end as "approverGroup",
       coalesce((select json_agg(json_build_object('id', p.id, 'username', p.username, 'displayName', p.display_name)
                        order by p.username)
                   from group_members m
                   join people p on p.id = m.person_id
                  where m.group_id = r.approver_group_id
                    and not ${IS_OUT}), '[]') as approvers,
       r.approvals_needed as "approvalsNeeded", r.default_minutes as "defaultMinutes",
       r.maximum_minutes as "maximumMinutes", r.dangerous,
       coalesce((select c.dangers
                   from data_source_checks c
                  where c.role_id = r.id
                    and c.ended_at is not null
                  order by c.ended_at desc
                  limit 1), '{}') as dangers,
       r.disabled_at as "disabledAt"`

const ROLE_TABLES = `
       from roles r
       join data_sources d on d.id = r.data_source_id
  left join groups g on g.id = r.approver_group_id`

/** Roles that the scope may see, by data source and name; or those of one data source. */
export function listRoles(
  db: Db,
  scope: Scope,
  { dataSourceId }: { dataSourceId?: string } = {},
): Promise<Role[]> {
  return rows(
    db,
    `select ${ROLE} ${ROLE_TABLES}
      where r.organization_id = coalesce(cast(:organization as uuid), r.organization_id)
        and r.data_source_id = coalesce(cast(:dataSourceId as uuid), r.data_source_id)
      order by d.name, r.name`,
    { organization: organizationIdOf(scope), dataSourceId: dataSourceId ?? null },
  )
}

/** One role by its id. */
export function findRole(db: Db, scope: Scope, id: string): Promise<Role | undefined> {
  return findRow(
    db,
    `select ${ROLE} ${ROLE_TABLES}
      where r.id = :id
        and r.organization_id = coalesce(cast(:organization as uuid), r.organization_id)`,
    { id, organization: organizationIdOf(scope) },
  )
}

/** Defines a role, with its record and a version of the policy. Errors: constraints named in the schema. */
export async function createRole(tx: Transaction, origin: Origin, role: NewRole): Promise<Role> {
  const made = await getRow<{ id: string }>(
    tx,
    `insert into roles (organization_id, data_source_id, name, database_role, description, approver_group_id,
                        approvals_needed, default_minutes, maximum_minutes, dangerous)
     values (:organization, :dataSourceId, :name, :databaseRole, :description, :approverGroupId,
             :approvalsNeeded, :defaultMinutes, :maximumMinutes, :dangerous)
  returning id`,
    {
      ...role,
      description: role.description ?? '',
      dangerous: role.dangerous ?? false,
      organization: origin.organization.id,
    },
  )
  const kept = await getRow<Role>(tx, `select ${ROLE} ${ROLE_TABLES} where r.id = :id`, made)
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'role_definition.created',
    area: 'roles',
    subject: { type: 'role', id: kept.id, name: kept.name },
    dataSource: kept.dataSource,
    outcome: 'ok',
    details: { database_role: kept.databaseRole, ...factsOf(termsOf(kept)) },
  })
  await keepPolicyVersion(tx, origin, `${saidRole(kept)} was added`)
  return kept
}

export interface RoleChange {
  readonly role: Role
  readonly terms: RoleTerms
  /** The admin who proposed it, where it took two. */
  readonly proposedBy?: string
}

/** Changes the terms of a role, with its record and a version of the policy. Errors: constraints named in the schema. */
export async function changeRole(
  tx: Transaction,
  origin: Origin,
  { role, terms, proposedBy }: RoleChange,
): Promise<Role> {
  const differences = differencesBetween(factsOf(termsOf(role)), factsOf(terms))
  if (differences.length === 0) return role
  await getRow(
    tx,
    `update roles
        set description = :description, approver_group_id = :approverGroupId,
            approvals_needed = :approvalsNeeded, default_minutes = :defaultMinutes,
            maximum_minutes = :maximumMinutes, dangerous = :dangerous,
            disabled_at = case when not :offered then coalesce(disabled_at, now()) end
      where id = :id
        and organization_id = :organization
  returning id`,
    {
      ...terms,
      id: role.id,
      approverGroupId: terms.approverGroup?.id ?? null,
      organization: origin.organization.id,
    },
  )
  const kept = await getRow<Role>(tx, `select ${ROLE} ${ROLE_TABLES} where r.id = :id`, {
    id: role.id,
  })
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'role_definition.changed',
    area: 'roles',
    subject: { type: 'role', id: kept.id, name: kept.name },
    dataSource: kept.dataSource,
    outcome: 'ok',
    details: {
      ...detailsOf(differences),
      ...(proposedBy === undefined ? {} : { proposed_by: proposedBy }),
    },
  })
  const proposed = proposedBy === undefined ? '' : `, proposed by ${proposedBy}`
  const summary = `${saidRole(kept)}: ${sayDifferences(differences)}${proposed}`
  await keepPolicyVersion(tx, origin, summary)
  return kept
}

/** The terms of a role as they stand. */
export function termsOf(role: Role): RoleTerms {
  const { description, approverGroup, approvalsNeeded, defaultMinutes, maximumMinutes } = role
  const { dangerous, disabledAt } = role
  return {
    description,
    approverGroup,
    approvalsNeeded,
    defaultMinutes,
    maximumMinutes,
    dangerous,
    offered: disabledAt === null,
  }
}

/** Terms as records and proposals say them. */
export function factsOf(terms: RoleTerms): Record<string, string> {
  return {
    description: terms.description,
    approver_group: terms.approverGroup?.name ?? '',
    approvals_needed: String(terms.approvalsNeeded),
    default_minutes: String(terms.defaultMinutes),
    maximum_minutes: String(terms.maximumMinutes),
    dangerous: yesOrNo(terms.dangerous),
    offered: yesOrNo(terms.offered),
  }
}

/** `role1 of shop`. */
export function saidRole({ name, dataSource }: Pick<Role, 'name' | 'dataSource'>): string {
  return `${name} of ${dataSource.name}`
}

function yesOrNo(flag: boolean): string {
  return flag ? 'yes' : 'no'
}
