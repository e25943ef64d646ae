import type { Command } from 'commander'
import { z } from 'zod'
import { askFor } from '../ask.ts'
import { runTest } from '../check-run.ts'
import { AppError } from '../../lib/errors.ts'
import { openPersonClient } from '../person-client.ts'
import { addGroupChange, addPolicy, addRoleChange } from './policy.ts'
import { print, printJson, printTable } from '../print.ts'

interface Json {
  readonly json?: true
}

/** source, role, group and policy: what an admin's token may set up and change. */
export function addAdministration(program: Command): void {
  addSources(program.command('source').description('data sources'))
  addRoles(program.command('role').description('roles on data sources'))
  addGroups(program.command('group').description('approver groups'))
  addPolicy(program.command('policy').description('who may get what, by whose approval'))
}

interface SourceOptions extends Json {
  readonly url?: string
  readonly databases?: string[]
  readonly tls?: string
}

function addSources(source: Command): void {
  source
    .command('add')
    .description('add a data source; its admin login is tried, then sealed')
    .argument('<name>')
    .option(
      '--url <url>',
      "postgres://login:password@host:5432/database, the broker's login there; without it read from standard input, where no list of processes shows it",
    )
    .option('--databases <name...>', 'databases it opens; * for all (default: the one in the URL)')
    .option('--tls <mode>', 'disable, require, verify-ca or verify-full')
    .option('--json', 'as JSON, for scripts')
    .action(async (name: string, { url, databases, tls, json }: SourceOptions) => {
      const asked = {
        name,
        url: url ?? (await askFor('URL of the login: ')),
        ...(databases === undefined ? {} : { databases }),
        ...(tls === undefined ? {} : { tls }),
      }
      const made = await openPersonClient().post('/data-sources', asked)
      if (json) printJson(made)
      else print(`Added data source ${name}.`)
    })
  source
    .command('test')
    .description('have a broker test a data source, with a trial user')
    .argument('<name>')
    .option('--json', 'as JSON, for scripts')
    .action((name: string, { json }: Json) =>
      runTest(`/data-sources/${encodeURIComponent(name)}/check`, json === true ? 'json' : 'text'),
    )
  list(source, {
    path: '/data-sources',
    member: 'dataSources',
    columns: ['name', 'host', 'port', 'databases', 'tls'],
  })
}

interface RoleOptions extends Json {
  readonly source: string
  readonly databaseRole?: string
  readonly group?: string
  readonly needed?: string
  readonly defaultMinutes?: string
  readonly maximumMinutes?: string
}

function addRoles(role: Command): void {
  role
    .command('add')
    .description('let people ask for a role of a data source')
    .argument('<name>')
    .requiredOption('--source <name>', 'the data source')
    .option('--database-role <name>', 'the role in the database (default: the same name)')
    .option('--group <name>', 'who may approve')
    .option('--needed <count>', 'approvals needed; 0 approves at once')
    .option('--default-minutes <count>')
    .option('--maximum-minutes <count>')
    .option('--json', 'as JSON, for scripts')
    .action(async (name: string, options: RoleOptions) => {
      const made = await openPersonClient().post('/roles', {
        name,
        dataSource: options.source,
        databaseRole: options.databaseRole ?? name,
        ...(options.group === undefined ? {} : { group: options.group }),
        ...counted({
          approvalsNeeded: options.needed,
          defaultMinutes: options.defaultMinutes,
          maximumMinutes: options.maximumMinutes,
        }),
      })
      if (options.json) printJson(made)
      else print(`Added role ${name} on ${options.source}.`)
    })
  role
    .command('test')
    .description('have a broker test whether a role can be lent, with a trial user')
    .argument('<data-source>')
    .argument('<role>')
    .option('--json', 'as JSON, for scripts')
    .action(async (dataSource: string, name: string, { json }: Json) => {
      const id = await findRoleId(dataSource, name)
      await runTest(`/roles/${id}/check`, json === true ? 'json' : 'text')
    })
  list(role, {
    path: '/roles',
    member: 'roles',
    columns: ['name', 'dataSource', 'databaseRole', 'approvalsNeeded', 'maximumMinutes'],
  })
  addRoleChange(role)
}

async function findRoleId(dataSource: string, name: string): Promise<string> {
  const { roles } = ROLES.parse(await openPersonClient().get('/roles'))
  const role = roles.find((each) => each.dataSource === dataSource && each.name === name)
  if (role !== undefined) return role.id
  throw new AppError('not_found', `There is no role ${name} on ${dataSource} that you can see.`)
}

const ROLES = z.object({
  roles: z.array(z.object({ id: z.string(), name: z.string(), dataSource: z.string() })),
})

function addGroups(group: Command): void {
  group
    .command('add')
    .description('make an approver group')
    .argument('<name>')
    .requiredOption('--member <username...>', 'who belongs to it')
    .option('--json', 'as JSON, for scripts')
    .action(async (name: string, { member, json }: Json & { member: string[] }) => {
      const made = await openPersonClient().post('/groups', { name, members: member })
      if (json) printJson(made)
      else print(`Added group ${name}.`)
    })
  list(group, { path: '/groups', member: 'groups', columns: ['name', 'members'] })
  addGroupChange(group)
}

interface Listing {
  readonly path: string
  readonly member: string
  readonly columns: readonly string[]
}

function list(command: Command, { path, member, columns }: Listing): void {
  command
    .command('list')
    .description('list them all')
    .option('--json', 'as JSON, for scripts')
    .action(async ({ json }: Json) => {
      const answer = await openPersonClient().get(path)
      if (json) {
        printJson(answer)
        return
      }
      const rows = z.record(z.string(), z.array(z.record(z.string(), z.unknown()))).parse(answer)
      printTable(
        columns,
        (rows[member] ?? []).map((row) => columns.map((column) => cell(row[column]))),
      )
    })
}

function cell(value: unknown): string {
  if (Array.isArray(value)) return value.map(cell).join(', ')
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function counted(counts: Readonly<Record<string, string | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts)
      .filter((count): count is [string, string] => count[1] !== undefined)
      .map(([name, count]) => [name, Number(count)]),
  )
}
