import type { DateTime } from 'luxon'
import { appendRecord } from './audit-log.ts'
import { organizationIdOf, type Origin, type Scope } from './scope.ts'
import { getRow, rows, storeTime, type Db, type Transaction } from './store.ts'

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
                    and p.disabled_at is null), '[]') as approvers,
       r.approvals_needed as "approvalsNeeded", r.default_minutes as "defaultMinutes",
       r.maximum_minutes as "maximumMinutes", r.disabled_at as "disabledAt"`

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

/** Defines a role, with its record. Errors: constraints named in the schema. */
export async function createRole(tx: Transaction, origin: Origin, role: NewRole): Promise<Role> {
  const made = await getRow<{ id: string }>(
    tx,
    `insert into roles (organization_id, data_source_id, name, database_role, description, approver_group_id,
                        approvals_needed, default_minutes, maximum_minutes)
     values (:organization, :dataSourceId, :name, :databaseRole, :description, :approverGroupId,
             :approvalsNeeded, :defaultMinutes, :maximumMinutes)
  returning id`,
    { ...role, description: role.description ?? '', organization: origin.organization.id },
  )
  const kept = await getRow<Role>(tx, `select ${ROLE} ${ROLE_TABLES} where r.id = :id`, made)
  await appendRecord(tx, origin, await storeTime(tx), {
    action: 'role_definition.created',
    area: 'roles',
    subject: { type: 'role', id: kept.id, name: kept.name },
    dataSource: kept.dataSource,
    outcome: 'ok',
    details: {
      database_role: kept.databaseRole,
      approver_group: kept.approverGroup?.name ?? '',
      approvals_needed: String(kept.approvalsNeeded),
      default_minutes: String(kept.defaultMinutes),
      maximum_minutes: String(kept.maximumMinutes),
    },
  })
  return kept
}
