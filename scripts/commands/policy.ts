import { InvalidArgumentError, type Command } from 'commander'
import { z } from 'zod'
import { AppError } from '../../lib/errors.ts'
import { openPersonClient } from '../person-client.ts'
import { print, printJson, printTable } from '../print.ts'

interface Json {
  readonly json?: true
}

const warnings = z.array(z.object({ severity: z.enum(['warning', 'info']), sentence: z.string() }))
const roleRow = z.object({
  id: z.string(),
  name: z.string(),
  dataSource: z.string(),
  databaseRole: z.string(),
  group: z.string().nullable(),
  approvers: z.array(z.string()),
  approvalsNeeded: z.number(),
  defaultMinutes: z.number(),
  maximumMinutes: z.number(),
})
const policyAnswer = z.object({
  version: z.number(),
  summary: z.string().nullable(),
  requestLifeMinutes: z.number(),
  recordingMonths: z.number().nullable(),
  roles: z.array(roleRow),
  proposals: z.array(z.object({ id: z.string(), summary: z.string(), proposedBy: z.string() })),
  warnings,
})

/** policy show, lint, and the decisions of a second admin. */
export function addPolicy(policy: Command): void {
  policy
    .command('show')
    .description('print the policy in force')
    .option('--json', 'as JSON, for scripts')
    .action(async ({ json }: Json) => {
      const answer = await openPersonClient().get('/policy')
      if (json) printJson(answer)
      else showPolicy(policyAnswer.parse(answer))
    })
  policy
    .command('lint')
    .description('warn of what will not work or not protect; ends with 1 where there is a warning')
    .option('--json', 'as JSON, for scripts')
    .action(async ({ json }: Json) => {
      const answer = await openPersonClient().get('/policy')
      const found = z.object({ warnings: z.array(z.looseObject({})) }).parse(answer).warnings
      if (json) printJson({ warnings: found })
      else
        for (const { severity, sentence } of warnings.parse(found))
          print(`${severity}: ${sentence}`)
      if (found.some(({ severity }) => severity === 'warning')) process.exitCode = 1
      else if (!json && found.length === 0) print('Nothing to mend.')
    })
  decision(policy, { name: 'apply', resource: 'approval', does: "apply another admin's proposal" })
  decision(policy, {
    name: 'reject',
    resource: 'rejection',
    does: "reject another admin's proposal",
  })
  decision(policy, {
    name: 'withdraw',
    resource: 'withdrawal',
    does: 'take back your own proposal',
  })
}

function showPolicy(answer: z.infer<typeof policyAnswer>): void {
  const { version, summary, roles, requestLifeMinutes, recordingMonths, proposals } = answer
  print(`Policy version ${version}${summary === null ? '' : `: ${summary}`}`)
  printTable(
    ['data source', 'role', 'database role', 'approved by', 'needed', 'minutes'],
    roles.map((role) => [
      role.dataSource,
      role.name,
      role.databaseRole,
      role.group === null ? '-' : `${role.group} (${role.approvers.join(', ')})`,
      String(role.approvalsNeeded),
      `${role.defaultMinutes}, at most ${role.maximumMinutes}`,
    ]),
  )
  print(`Requests that count from approval wait at most ${requestLifeMinutes} minutes.`)
  print(`Recordings of statements are kept ${sayMonths(recordingMonths)}.`)
  for (const proposal of proposals) {
    print(`Waits for a second admin: ${proposal.id} by ${proposal.proposedBy}: ${proposal.summary}`)
  }
}

function sayMonths(months: number | null): string {
  if (months === null) return 'for ever'
  return `for at least ${months} ${months === 1 ? 'month' : 'months'}`
}

interface Decision {
  readonly name: string
  readonly resource: string
  readonly does: string
}

function decision(policy: Command, { name, resource, does }: Decision): void {
  policy
    .command(name)
    .description(does)
    .argument('<proposal>', 'its id, as "policy show" prints it')
    .option('--json', 'as JSON, for scripts')
    .action(async (id: string, { json }: Json) => {
      const path = `/policy/proposals/${encodeURIComponent(id)}/${resource}`
      const answer = await openPersonClient().post(path, {})
      if (json) printJson(answer)
      else print('Done.')
    })
}

interface RoleChange extends Json {
  readonly source: string
  readonly description?: string
  readonly group?: string
  readonly needed?: number
  readonly defaultMinutes?: number
  readonly maximumMinutes?: number
  readonly dangerous?: boolean
  readonly offered?: boolean
}

/** role change: its terms; what is not named stays. */
export function addRoleChange(role: Command): void {
  role
    .command('change')
    .description('change the terms of a role; 0 approvals wait for a second admin')
    .argument('<name>')
    .requiredOption('--source <name>', 'the data source')
    .option('--description <text>')
    .option('--group <name>', 'who may approve')
    .option('--needed <count>', 'approvals needed', whole)
    .option('--default-minutes <count>', 'when nothing else is asked', whole)
    .option('--maximum-minutes <count>', 'at most', whole)
    .option('--dangerous', 'takes at least 2 approvals')
    .option('--no-dangerous', 'no longer marked')
    .option('--offered', 'may be asked for')
    .option('--no-offered', 'may not be asked for')
    .option('--json', 'as JSON, for scripts')
    .action(async (name: string, { source, needed, json, ...terms }: RoleChange) => {
      const client = openPersonClient()
      const { roles } = z.object({ roles: z.array(roleRow) }).parse(await client.get('/roles'))
      const found = roles.find((each) => each.name === name && each.dataSource === source)
      if (found === undefined) throw nothingSo(`role ${name} on ${source}`)
      const asked = { ...terms, ...(needed === undefined ? {} : { approvalsNeeded: needed }) }
      const answer = await client.post(`/roles/${found.id}/policy`, asked)
      if (json) printJson(answer)
      else print(sayChange(name, answer))
    })
}

function sayChange(name: string, answer: unknown): string {
  const { proposal } = z.object({ proposal: z.object({ id: z.string() }).nullable() }).parse(answer)
  if (proposal === null) return `Changed role ${name}.`
  return `Proposed: it takes a second admin to apply it (daypass policy apply ${proposal.id}).`
}

interface GroupChange extends Json {
  readonly rename?: string
  readonly description?: string
  readonly add?: string[]
  readonly remove?: string[]
}

/** group change: its name, its description, who belongs to it. */
export function addGroupChange(group: Command): void {
  group
    .command('change')
    .description('change a group; each kind of change is a version of the policy of its own')
    .argument('<name>')
    .option('--rename <name>')
    .option('--description <text>')
    .option('--add <username...>', 'who joins')
    .option('--remove <username...>', 'who leaves')
    .option('--json', 'as JSON, for scripts')
    .action(async (name: string, { rename, description, add, remove, json }: GroupChange) => {
      const client = openPersonClient()
      const known = z.object({ groups: z.array(z.object({ id: z.string(), name: z.string() })) })
      const found = known.parse(await client.get('/groups')).groups.find((one) => one.name === name)
      if (found === undefined) throw nothingSo(`group ${name}`)
      const path = `/groups/${found.id}`
      const definition = {
        ...(rename === undefined ? {} : { name: rename }),
        ...(description === undefined ? {} : { description }),
      }
      let answer = await client.post(`${path}/definition`, definition)
      if (add) answer = await client.post(`${path}/members`, { members: add })
      if (remove) answer = await client.post(`${path}/members/removal`, { members: remove })
      if (json) printJson(answer)
      else print(`Changed group ${name}.`)
    })
}

function whole(text: string): number {
  const count = Number(text)
  if (text.trim() !== '' && Number.isInteger(count)) return count
  throw new InvalidArgumentError('Give a whole number.')
}

function nothingSo(what: string): AppError {
  return new AppError('not_found', `There is no ${what}: look at what "list" prints.`)
}
