import type { Duty } from '../../broker/policy/duties.ts'
import type { DataSource } from '../../db/data-sources.ts'
import type { Group } from '../../db/groups.ts'
import type { Person } from '../../db/people.ts'
import type { Role } from '../../db/roles.ts'
import type { PersonScope } from '../../db/scope.ts'
import { iso } from '../../db/store.ts'
import { maySeeAdministration } from '../privileges.ts'
import { isoOrNull } from './session-json.ts'

/** A data source as the API says it: what asking needs, and for administrators how it is reached. */
export function dataSourceJson(source: DataSource, scope: PersonScope): Record<string, unknown> {
  const shared = {
    id: source.id,
    name: source.name,
    databases: source.databases,
    defaultDatabase: source.defaultDatabase,
    disabledAt: isoOrNull(source.disabledAt),
  }
  if (!maySeeAdministration(scope)) return shared
  return {
    ...shared,
    host: source.host,
    port: source.port,
    tls: source.tlsMode,
    residueOwner: source.residueOwner,
    justificationPattern: source.justificationPattern,
    justificationMessage: source.justificationMessage,
  }
}

/** A role as the API says it. */
export function roleJson(role: Role): Record<string, unknown> {
  return {
    id: role.id,
    name: role.name,
    dataSource: role.dataSource.name,
    databaseRole: role.databaseRole,
    description: role.description,
    group: role.approverGroup?.name ?? null,
    approvers: role.approvers.map(({ username }) => username),
    approvalsNeeded: role.approvalsNeeded,
    defaultMinutes: role.defaultMinutes,
    maximumMinutes: role.maximumMinutes,
    dangerous: role.dangerous,
    disabledAt: isoOrNull(role.disabledAt),
  }
}

/** An approver group as the API says it. */
export function groupJson(group: Group): Record<string, unknown> {
  return {
    id: group.id,
    name: group.name,
    description: group.description,
    members: group.members.map(({ username }) => username),
  }
}

/** A person as the API says it. */
export function personJson(person: Person): Record<string, unknown> {
  return {
    id: person.id,
    kind: person.kind,
    username: person.username,
    displayName: person.displayName,
    email: person.email,
    portalUser: person.portalUser,
    auditUser: person.auditUser,
    managementPrivilege: person.managementPrivilege,
    mayEndSignIns: person.mayEndSignIns,
    status: person.outAs ?? 'active',
    disabledAt: isoOrNull(person.disabledAt),
    expiresAt: isoOrNull(person.expiresAt),
    deletedAt: isoOrNull(person.deletedAt),
    lastSignInAt: isoOrNull(person.lastSignInAt),
    createdAt: iso(person.createdAt),
  }
}

/** The same with the approver groups and the duties that stand around them. */
export function userJson(
  person: Person,
  { groups, duties }: { readonly groups: readonly Group[]; readonly duties: readonly Duty[] },
): Record<string, unknown> {
  return {
    ...personJson(person),
    groups: groups.map(({ name }) => name),
    duties: duties.map(dutyJson),
  }
}

/** Duties that one person holds together, as the API says it. */
export function dutyJson({ code, severity, person, sentence }: Duty): Record<string, unknown> {
  return { code, severity, userId: person.id, username: person.username, sentence }
}
