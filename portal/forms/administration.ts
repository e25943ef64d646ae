import { TLS_MODES } from '../../db/data-sources.ts'
import type { DataSourceCommand } from '../administration/data-sources.ts'
import type { RoleCommand } from '../administration/roles.ts'
import type { UserCommand } from '../administration/users.ts'
import { userBody } from '../api/bodies.ts'
import { fieldsOf, mistakesIn, type Fields, type Reading } from './fields.ts'
import { readFlags } from './user-change.ts'

/** Reads the form of a new data source. */
export function readDataSource(body: unknown): Reading<DataSourceCommand> {
  const fields = fieldsOf(body)
  const tls = TLS_MODES.find((mode) => mode === (fields.text('tls') || 'verify-full'))
  const databases = fields
    .text('databases')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const mistakes = mistakesIn({
    name: fields.text('name') === '' ? 'Give the data source a name.' : undefined,
    url: fields.text('url') === '' ? 'Give the URL with an admin login.' : undefined,
    tls: tls === undefined ? `Choose one of ${TLS_MODES.join(', ')}.` : undefined,
  })
  if (Object.keys(mistakes).length > 0 || tls === undefined) return { ok: false, mistakes }
  return {
    ok: true,
    value: {
      name: fields.text('name'),
      url: fields.text('url'),
      databases: databases.length === 0 ? undefined : databases,
      tls,
      justificationPattern: optional(fields, 'justificationPattern'),
      justificationMessage: optional(fields, 'justificationMessage'),
    },
  }
}

/** Reads the form of a new role. */
export function readRole(body: unknown): Reading<RoleCommand> {
  const fields = fieldsOf(body)
  const approvalsNeeded = whole(fields, 'approvalsNeeded', { least: 0, most: 10, otherwise: 1 })
  const minutes = { least: 1, most: 43_200 }
  const defaultMinutes = whole(fields, 'defaultMinutes', { ...minutes, otherwise: 30 })
  const maximumMinutes = whole(fields, 'maximumMinutes', { ...minutes, otherwise: 60 })
  const mistakes = mistakesIn({
    dataSource: fields.text('dataSource') === '' ? 'Choose a data source.' : undefined,
    name: fields.text('name') === '' ? 'Give the role a name.' : undefined,
    databaseRole: fields.text('databaseRole') === '' ? 'Name the role of the database.' : undefined,
    approvalsNeeded: approvalsNeeded.mistake,
    defaultMinutes: defaultMinutes.mistake,
    maximumMinutes: maximumMinutes.mistake,
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return {
    ok: true,
    value: {
      dataSource: fields.text('dataSource'),
      name: fields.text('name'),
      databaseRole: fields.text('databaseRole'),
      description: fields.text('description'),
      group: optional(fields, 'group'),
      approvers: fields.list('approvers'),
      approvalsNeeded: approvalsNeeded.count,
      defaultMinutes: defaultMinutes.count,
      maximumMinutes: maximumMinutes.count,
      dangerous: fields.text('dangerous') === 'yes',
    },
  }
}

/** Reads the form of a new user. */
export function readUser(body: unknown): Reading<UserCommand> {
  const fields = fieldsOf(body)
  const username = fields.text('username').toLowerCase()
  const email = fields.text('email')
  const password = fields.raw('password')
  const { shape } = userBody
  const mistakes = mistakesIn({
    username: shape.username.safeParse(username).error?.issues[0]?.message,
    email: email === '' ? undefined : shape.email.safeParse(email).error?.issues[0]?.message,
  })
  if (Object.keys(mistakes).length > 0) return { ok: false, mistakes }
  return {
    ok: true,
    value: {
      username,
      displayName: optional(fields, 'displayName'),
      email: email === '' ? undefined : email,
      ...(password === '' ? {} : { password }),
      ...readFlags(body),
    },
  }
}

function optional(fields: Fields, name: string): string | undefined {
  const text = fields.text(name)
  return text === '' ? undefined : text
}

/** A whole number of a form; where `otherwise` is given, an empty field means that. */
export function whole(
  fields: Fields,
  name: string,
  { least, most, otherwise }: { least: number; most: number; otherwise?: number },
): { readonly count: number; readonly mistake?: string } {
  const text = fields.text(name)
  if (text === '' && otherwise !== undefined) return { count: otherwise }
  const count = Number(text)
  if (text !== '' && Number.isInteger(count) && count >= least && count <= most) return { count }
  return { count: least, mistake: `Give a whole number from ${least} to ${most}.` }
}
