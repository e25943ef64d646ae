import { TLS_MODES, type DataSource } from '../../db/data-sources.ts'
import type { Group } from '../../db/groups.ts'
import type { Person } from '../../db/people.ts'
import type { Role } from '../../db/roles.ts'
import type { FieldMistakes } from '../errors.ts'
import { fieldsOf, summaryOf } from '../forms/fields.ts'
import type { Shell } from '../shell.ts'
import type { DataSourceRow, FreshDataSourcePage, FreshRolePage, RoleRow } from './admin-pages.ts'
import { minutesText } from './moments.ts'
import type { Choice, Field } from './pieces.ts'
import { counted } from './counted.ts'
import { visible } from './visible.ts'

/** A form as it was posted, with what to mend in it. */
export interface Posted {
  readonly body: unknown
  readonly mistakes: FieldMistakes
}

export const UNPOSTED: Posted = { body: undefined, mistakes: {} }

/** A data source as its list shows it. */
export function presentDataSource(source: DataSource, roles: readonly Role[]): DataSourceRow {
  const count = roles.filter((role) => role.dataSource.id === source.id).length
  return {
    id: source.id,
    name: visible(source.name),
    address: visible(source.host.startsWith('/') ? source.host : `${source.host}:${source.port}`),
    databases: source.databases.includes('*') ? 'all' : visible(source.databases.join(', ')),
    tls: source.tlsMode,
    roleCount: String(count),
    offered: source.disabledAt === null,
    health: { verdict: 'untested', text: 'not tested' },
    checks: [],
    actions: [],
  }
}

/** The form of a new data source; a posted URL is not shown again, as it holds a password. */
export function presentFreshDataSource({ page }: Shell, posted: Posted): FreshDataSourcePage {
  const field = fieldReader(posted)
  const chosen = fieldsOf(posted.body).text('tls') || 'verify-full'
  return {
    page,
    errors: summaryOf(posted.mistakes),
    name: field('name'),
    url: { value: '', error: posted.mistakes['url'] },
    databases: {
      value: fieldsOf(posted.body).text('databases'),
      error: posted.mistakes['databases'] ?? posted.mistakes['defaultDatabase'],
    },
    tls: TLS_MODES.toReversed().map((mode) => ({
      value: mode,
      label: mode,
      chosen: mode === chosen,
      hint: TLS_HINTS[mode],
    })),
    tlsError: posted.mistakes['tls'],
    justificationPattern: field('justificationPattern'),
    justificationMessage: field('justificationMessage'),
  }
}

const TLS_HINTS: Readonly<Record<(typeof TLS_MODES)[number], string>> = {
  'verify-full': 'the certificate is trusted and names the host',
  'verify-ca': 'the certificate is trusted, whatever it names',
  require: 'encrypted, but nobody checks to whom',
  disable: 'in clear; only for a server on this machine',
}

/** A role as its list shows it. */
export function presentRole(role: Role): RoleRow {
  const short = role.approvers.length < role.approvalsNeeded
  return {
    id: role.id,
    name: visible(role.name),
    dataSource: visible(role.dataSource.name),
    databaseRole: visible(role.databaseRole),
    approvers:
      role.approvers.length === 0
        ? '-'
        : visible(role.approvers.map(({ username }) => username).join(', ')),
    needed: role.approvalsNeeded === 0 ? 'none, approved at once' : String(role.approvalsNeeded),
    defaultTime: minutesText(role.defaultMinutes),
    maximumTime: minutesText(role.maximumMinutes),
    flags: [
      ...(role.dangerous ? ['dangerous'] : []),
      ...(role.disabledAt === null ? [] : ['not offered']),
    ],
    warning: short
      ? `This role takes ${counted(role.approvalsNeeded, 'approval')} and has ${counted(role.approvers.length, 'approver')}: nobody can get it.`
      : undefined,
    checks: [],
    actions: [],
  }
}

/** What a role can be made of. */
export interface RoleMaterial {
  readonly sources: readonly DataSource[]
  readonly groups: readonly Group[]
  readonly people: readonly Person[]
  readonly roles: readonly Role[]
}

/** The form of a new role. */
export function presentFreshRole(
  { page }: Shell,
  material: RoleMaterial,
  posted: Posted,
): FreshRolePage {
  const { sources, groups, people, roles } = material
  const field = fieldReader(posted)
  const typed = fieldsOf(posted.body)
  const group = typed.text('group')
  const approvers = typed.list('approvers')
  return {
    page,
    errors: summaryOf(posted.mistakes),
    empty:
      sources.length > 0
        ? undefined
        : {
            heading: 'No data source yet',
            text: 'A role belongs to a data source: add one first.',
            action: { href: '/data-sources/new', label: 'Add a data source' },
          },
    name: field('name'),
    description: field('description'),
    dataSources: sources.map(({ name }) => choice(name, name === typed.text('dataSource'))),
    dataSourceError: posted.mistakes['dataSource'],
    databaseRole: {
      ...field('databaseRole'),
      known: [...new Set(roles.map((role) => role.databaseRole))],
    },
    groups:
      groups.length === 0
        ? []
        : [
            { value: '', label: 'None, or the people ticked below', chosen: group === '' },
            ...groups.map(({ name, members }) => ({
              ...choice(name, name === group),
              label: `${visible(name)} (${counted(members.length, 'member')})`,
            })),
          ],
    groupError: posted.mistakes['group'],
    approvers: people
      .filter(({ disabledAt }) => disabledAt === null)
      .map(({ username }) => choice(username, approvers.includes(username))),
    approversError: posted.mistakes['approvers'],
    approvalsNeeded: field('approvalsNeeded', '1'),
    defaultMinutes: field('defaultMinutes', '30'),
    maximumMinutes: field('maximumMinutes', '60'),
    dangerous: [dangerousChoice(typed.text('dangerous') === 'yes')],
  }
}

/** The box that marks a role. */
export function dangerousChoice(chosen: boolean): Choice {
  return {
    value: 'yes',
    label: 'Dangerous',
    chosen,
    hint: 'can change rights, run programs or read everything; takes at least 2 approvals',
  }
}

/** A name to choose. */
export function choice(name: string, chosen: boolean): Choice {
  return { value: name, label: visible(name), chosen }
}

/** Reads fields for a form: as posted, or as they stand where nothing was. */
export function fieldReader({
  body,
  mistakes,
}: Posted): (name: string, otherwise?: string) => Field {
  const fields = fieldsOf(body)
  return (name, otherwise = '') => ({
    value: body === undefined ? otherwise : fields.text(name),
    error: mistakes[name],
  })
}
