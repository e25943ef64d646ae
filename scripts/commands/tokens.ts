import { InvalidArgumentError, Option, type Command } from 'commander'
import { z } from 'zod'
import { iso } from '../../db/store.ts'
import { endToken } from '../../db/token-ends.ts'
import { findToken, listTokens, type Token } from '../../db/token-lists.ts'
import { createToken, TOKEN_SCOPES, type TokenScope } from '../../db/tokens.ts'
import { AppError } from '../../lib/errors.ts'
import { isUuid } from '../../lib/ids.ts'
import { onStore, OPERATOR } from '../operator.ts'
import { openPersonClient } from '../person-client.ts'
import { print, printJson, printTable } from '../print.ts'
import { getPersonNamed } from './person-named.ts'

interface Json {
  readonly json?: true
}

/** token: an operator's commands, on the store itself; application: an admin's, by the API. */
export function addTokens(program: Command): void {
  addTokenCommands(program.command('token').description('tokens for the API'))
  addApplications(
    program.command('application').description('programs with an account and tokens of their own'),
  )
}

function addTokenCommands(token: Command): void {
  token
    .command('create')
    .description('make a token for a person or an application; it is shown once')
    .requiredOption('--user <username>', 'who it acts as')
    .requiredOption('--name <text>', 'what it is for')
    .addOption(
      new Option('--scope <scope...>', 'what it may do (default: all of them)').choices(
        TOKEN_SCOPES,
      ),
    )
    .option('--expires <days>', 'works for so many days (default: for ever)', readDays)
    .option('--json', 'as JSON, for scripts')
    .action(makeToken)
  token
    .command('list')
    .description('list tokens, without their secrets, which nobody keeps')
    .option('--user <username>', 'those of one person or application')
    .option('--json', 'as JSON, for scripts')
    .action(listEveryToken)
  token
    .command('end')
    .description('end a token for good')
    .argument('<token>', 'its id, as token list shows it')
    .option('--reason <text>')
    .action(endOneToken)
}

interface MakeOptions extends Json {
  readonly user: string
  readonly name: string
  readonly scope?: readonly TokenScope[]
  readonly expires?: number
}

async function makeToken({ user, name, scope, expires, json }: MakeOptions): Promise<void> {
  const { id, token, expiresAt } = await onStore(async (store, origin) => {
    const person = await getPersonNamed(store.db, user)
    const asked = {
      person,
      name,
      ...(scope === undefined ? {} : { scopes: scope }),
      ...(expires === undefined ? {} : { days: expires }),
    }
    return store.change((tx) => createToken(tx, origin, asked))
  })
  if (expiresAt === null) {
    process.stderr.write('This token never expires: --expires DAYS makes one that does.\n')
  }
  if (json) printJson({ id, token, expiresAt: expiresAt && iso(expiresAt) })
  else print(`${token}\n(keep it now: it is not shown again)`)
}

const YEARS_100_DAYS = 36_525

function readDays(text: string): number {
  const days = Number(text)
  if (Number.isInteger(days) && days >= 1 && days <= YEARS_100_DAYS) return days
  throw new InvalidArgumentError('Give a whole number of days, 1 or more.')
}

async function listEveryToken({ user, json }: Json & { readonly user?: string }): Promise<void> {
  const tokens = await onStore(async (store) => {
    const person = user === undefined ? undefined : await getPersonNamed(store.db, user)
    return listTokens(store.db, OPERATOR, person?.id)
  })
  if (json) {
    printJson(tokens)
    return
  }
  printTable(
    ['Id', 'User', 'Name', 'Token', 'Scopes', 'State', 'Expires', 'Last used', 'From'],
    tokens.map(cellsOf),
  )
}

function cellsOf(token: Token): string[] {
  return [
    token.id,
    token.username,
    token.name,
    token.prefix === null ? '' : `${token.prefix}...${token.suffix ?? ''}`,
    token.scopes.join(' '),
    token.state,
    token.expiresAt === null ? 'never' : iso(token.expiresAt),
    token.lastUsedAt === null ? 'never' : iso(token.lastUsedAt),
    token.lastUsedIp ?? '',
  ]
}

async function endOneToken(id: string, { reason }: { readonly reason?: string }): Promise<void> {
  const state = await onStore(async (store, origin) => {
    const token = isUuid(id) ? await findToken(store.db, OPERATOR, id) : undefined
    if (token === undefined) {
      throw new AppError('not_found', 'There is no such token: daypass token list shows them all.')
    }
    const isEnded = await store.change((tx) => endToken(tx, origin, { id, reason }))
    return isEnded ? 'Ended' : 'Had ended already:'
  })
  print(`${state} ${id}.`)
}

interface AddOptions extends Json {
  readonly displayName?: string
  readonly purpose?: string
  readonly owner?: string
  readonly audit?: true
  readonly privilege?: string
}

function addApplications(application: Command): void {
  application
    .command('add')
    .description('add an application; the web portal or the API make its tokens')
    .argument('<username>', 'the name that records show')
    .option('--display-name <text>')
    .option('--purpose <text>', 'what it is for')
    .option('--owner <username>', 'who answers for it (default: you)')
    .option('--audit', 'may read the Audit tab (Audit User)')
    .addOption(
      new Option('--privilege <privilege>', 'Management Privilege').choices([
        'none',
        'read_only',
        'admin',
      ]),
    )
    .option('--json', 'as JSON, for scripts')
    .action(addApplication)
  application
    .command('list')
    .description('list applications')
    .option('--json', 'as JSON, for scripts')
    .action(listApplications)
  application
    .command('end')
    .description('end an application for good, with its tokens')
    .argument('<username>')
    .option('--reason <text>')
    .action(endApplication)
}

async function addApplication(username: string, options: AddOptions): Promise<void> {
  const { displayName, purpose, owner, audit, privilege, json } = options
  const made = await openPersonClient().post('/applications', {
    username,
    ...(displayName === undefined ? {} : { displayName }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(owner === undefined ? {} : { owner }),
    auditUser: audit === true,
    ...(privilege === undefined ? {} : { managementPrivilege: privilege }),
  })
  if (json) printJson(made)
  else print(`Added application ${username}.`)
}

const APPLICATIONS = z.object({
  applications: z.array(
    z.looseObject({
      id: z.string(),
      username: z.string(),
      displayName: z.string(),
      owner: z.string(),
      liveTokens: z.number(),
      outAs: z.string().nullable(),
      lastUsedAt: z.string().nullable(),
    }),
  ),
})

async function readApplications() {
  return APPLICATIONS.parse(await openPersonClient().get('/applications')).applications
}

async function listApplications({ json }: Json): Promise<void> {
  const applications = await readApplications()
  if (json) {
    printJson(applications)
    return
  }
  printTable(
    ['Username', 'Name', 'Owner', 'Status', 'Live tokens', 'Last used'],
    applications.map((each) => [
      each.username,
      each.displayName,
      each.owner,
      each.outAs ?? 'active',
      String(each.liveTokens),
      each.lastUsedAt ?? 'never',
    ]),
  )
}

async function endApplication(
  username: string,
  { reason }: { readonly reason?: string },
): Promise<void> {
  const found = (await readApplications()).find(
    (each) => each.username === username && each.outAs !== 'deleted',
  )
  if (found === undefined) {
    throw new AppError('not_found', `There is no application ${username} that you can see.`)
  }
  const body = reason === undefined ? {} : { reason }
  await openPersonClient().post(`/applications/${found.id}/deletion`, body)
  print(`Ended application ${username}.`)
}
