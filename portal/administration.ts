import { randomUUID } from 'node:crypto'
import { testAdminUrl, type Finding } from '../broker/preflight.ts'
import { appendRecord } from '../db/audit-log.ts'
import {
  aboutAdminUrl,
  createDataSource,
  findDataSource,
  type DataSource,
  type TlsMode,
} from '../db/data-sources.ts'
import { createGroup, findGroup, type Group } from '../db/groups.ts'
import {
  createPerson,
  findPersonByUsername,
  type ManagementPrivilege,
  type Person,
} from '../db/people.ts'
import { createRole, type Role } from '../db/roles.ts'
import { getSealingKey } from '../db/sealing-keys.ts'
import { storeTime, violates, type Transaction } from '../db/store.ts'
import { seal } from '../lib/seal.ts'
import type { PortalDeps } from './deps.ts'
import { InvalidRequest } from './errors.ts'
import { hashPassword } from './passwords.ts'
import { readAdminUrl } from './forms/admin-url.ts'
import type { Visit } from './visit.ts'

/** A data source as its form or body describes it. */
export interface DataSourceCommand {
  readonly name: string
  readonly url: string
  readonly databases?: readonly string[] | undefined
  readonly defaultDatabase?: string | undefined
  readonly tls: TlsMode
  readonly tlsCa?: string | undefined
  readonly residueOwner?: string | undefined
  readonly justificationPattern?: string | undefined
  readonly justificationMessage?: string | undefined
}

/** A data source as kept, and what testing its admin login found. */
export interface AddedDataSource {
  readonly source: DataSource
  readonly findings: readonly Finding[]
}

/**
 * Keeps a data source, its admin login sealed to the broker, and tests that login while it is known
 * in clear. What the test finds does not undo the keeping: the broker may reach what the portal
 * can't. Errors: `invalid_request`, `part_not_started`.
 */
export async function addDataSource(
  deps: PortalDeps,
  visit: Visit,
  command: DataSourceCommand,
): Promise<AddedDataSource> {
  const source = await keepDataSource(deps, visit, command)
  const findings = await testAdminUrl(source, command.url)
  await deps.store.change(async (tx) =>
    appendRecord(tx, visit.origin, await storeTime(tx), {
      action: 'data_source.tested',
      area: 'data sources',
      subject: { type: 'data source', id: source.id, name: source.name },
      dataSource: { id: source.id, name: source.name },
      outcome: findings.every(({ ok }) => ok) ? 'ok' : 'failed',
    }),
  )
  return { source, findings }
}

async function keepDataSource(
  { store }: PortalDeps,
  { origin }: Visit,
  command: DataSourceCommand,
): Promise<DataSource> {
  const reading = readAdminUrl(command.url)
  if (!reading.ok) throw new InvalidRequest(reading.mistakes)
  const { host, port, database } = reading.value
  refusePattern(command.justificationPattern)
  const defaultDatabase =
    command.defaultDatabase ?? command.databases?.find((name) => name !== '*') ?? database
  const databases = command.databases ?? [database]
  if (!databases.includes('*') && !databases.includes(defaultDatabase)) {
    throw new InvalidRequest({ defaultDatabase: 'Choose one of the databases as the default one.' })
  }
  const id = randomUUID()
  const key = await getSealingKey(store.db, 'broker')
  return named(
    store.change((tx) =>
      createDataSource(tx, origin, {
        id,
        name: command.name,
        host,
        port,
        databases,
        defaultDatabase,
        tlsMode: command.tls,
        tlsCa: command.tlsCa ?? null,
        adminSealed: seal(key, command.url, aboutAdminUrl(id)),
        justificationPattern: command.justificationPattern ?? null,
        justificationMessage: command.justificationMessage ?? null,
        ...(command.residueOwner === undefined ? {} : { residueOwner: command.residueOwner }),
      }),
    ),
  )
}

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
}

/** Defines a role. Errors: `invalid_request`. */
export async function addRole(
  { store }: PortalDeps,
  visit: Visit,
  command: RoleCommand,
): Promise<Role> {
  const { scope, origin } = visit
  if (command.defaultMinutes > command.maximumMinutes) {
    throw new InvalidRequest({ defaultMinutes: 'Choose a default time within the maximum time.' })
  }
  return named(
    store.change(async (tx) => {
      const source = await findDataSource(tx, scope, command.dataSource)
      if (source === undefined) {
        throw new InvalidRequest({ dataSource: `There is no data source ${command.dataSource}.` })
      }
      const approvers = await approverGroup(tx, visit, command)
      if (command.approvalsNeeded > (approvers?.members.length ?? 0)) {
        throw new InvalidRequest({
          approvalsNeeded: `This takes ${command.approvalsNeeded} approvers, and the role has ${approvers?.members.length ?? 0}: choose a group with more people, or 0 approvals.`,
        })
      }
      return createRole(tx, origin, {
        ...command,
        dataSourceId: source.id,
        approverGroupId: approvers?.id ?? null,
      })
    }),
  )
}

/** Makes an approver group of people named by username. Errors: `invalid_request`. */
export function addGroup(
  { store }: PortalDeps,
  visit: Visit,
  { name, members }: { readonly name: string; readonly members: readonly string[] },
): Promise<Group> {
  return named(
    store.change(async (tx) => {
      const memberIds = await idsOf(tx, visit, { field: 'members', usernames: members })
      return createGroup(tx, visit.origin, { name, memberIds })
    }),
  )
}

/** A person as their form or body describes them. */
export interface UserCommand {
  readonly username: string
  readonly displayName?: string | undefined
  readonly email?: string | undefined
  /** Absent: can hold tokens, but not sign in. */
  readonly password?: string | undefined
  readonly portalUser: boolean
  readonly auditUser: boolean
  readonly managementPrivilege: ManagementPrivilege
}

/** Adds a person. Errors: `invalid_request`. */
export async function addUser(
  { store }: PortalDeps,
  { origin }: Visit,
  { password, email, ...command }: UserCommand,
): Promise<Person> {
  const passwordHash = password === undefined ? null : await hashPassword(password)
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
  const memberIds = await idsOf(tx, visit, { field: 'approvers', usernames: approvers })
  return createGroup(tx, visit.origin, { name: `${dataSource} ${name} approvers`, memberIds })
}

async function idsOf(
  tx: Transaction,
  { scope }: Visit,
  { field, usernames }: { field: string; usernames: readonly string[] },
): Promise<string[]> {
  const ids: string[] = []
  for (const username of usernames) {
    const person = await findPersonByUsername(tx, scope, username)
    if (person === undefined) throw new InvalidRequest({ [field]: `There is no user ${username}.` })
    ids.push(person.id)
  }
  return ids
}

/** A pattern that does not compile would refuse every request. */
function refusePattern(pattern: string | undefined): void {
  if (pattern === undefined) return
  try {
    new RegExp(pattern)
  } catch {
    throw new InvalidRequest({ justificationPattern: 'This is no regular expression: mend it.' })
  }
}

/** Says which field broke a rule of the schema. */
async function named<T>(keeping: Promise<T>): Promise<T> {
  try {
    return await keeping
  } catch (error) {
    const rule = RULES.find(({ constraint }) => violates(error, constraint))
    if (rule === undefined) throw error
    throw new InvalidRequest({ [rule.field]: rule.sentence })
  }
}

const TAKEN = 'This name is taken: choose another.'
const RULES = [
  { constraint: 'usernames_are_unique', field: 'username', sentence: TAKEN },
  { constraint: 'group_names_are_unique', field: 'name', sentence: TAKEN },
  { constraint: 'role_names_are_unique', field: 'name', sentence: TAKEN },
  { constraint: 'data_source_names_are_unique', field: 'name', sentence: TAKEN },
  {
    constraint: 'role_names_are_short',
    field: 'name',
    sentence: 'The name of a role has at most 63 characters.',
  },
  {
    constraint: 'group_names_are_short',
    field: 'name',
    sentence: 'The name of a group has at most 200 characters.',
  },
  {
    constraint: 'display_names_are_short',
    field: 'displayName',
    sentence: 'A display name has at most 200 characters.',
  },
  {
    constraint: 'ports_are_real',
    field: 'url',
    sentence: 'Write the port in the URL as a number from 1 to 65535.',
  },
  {
    constraint: 'data_source_names_are_plain',
    field: 'name',
    sentence: 'Use letters, digits, spaces and . _ - in the name, at most 63 of them.',
  },
  {
    constraint: 'database_roles_fit',
    field: 'databaseRole',
    sentence: 'The name of a database role has at most 63 bytes.',
  },
  {
    constraint: 'unencrypted_only_on_this_machine',
    field: 'tls',
    sentence: 'Going without TLS is allowed on this machine alone: choose verify-full.',
  },
]
