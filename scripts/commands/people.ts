import { hash } from '@node-rs/argon2'
import { Option, type Command } from 'commander'
import {
  createPerson,
  findPersonByUsername,
  listPeople,
  type ManagementPrivilege,
  type Person,
} from '../../db/people.ts'
import { lockPerson } from '../../db/person-changes.ts'
import { violates, type Store } from '../../db/store.ts'
import { createToken } from '../../db/tokens.ts'
import { AppError } from '../../lib/errors.ts'
import { onStore, OPERATOR } from '../operator.ts'
import { askFor } from '../ask.ts'
import { print, printJson, printTable } from '../print.ts'

interface UserOptions {
  readonly displayName?: string
  readonly email?: string
  readonly audit?: true
  readonly admin?: true
  readonly json?: true
}

const SHORTEST_PASSWORD = 12

/** user add|list|lock and token create: an operator's commands, on the store itself. */
export function addPeople(program: Command): void {
  const user = program.command('user').description('people who may sign in')
  user
    .command('add')
    .description('add a person; the password is read from standard input')
    .argument('<username>', 'lower-case letters, digits and . _ @ -')
    .option('--display-name <text>', 'as shown to others')
    .option('--email <address>')
    .option('--audit', 'may read the Audit tab (Audit User)')
    .option('--admin', 'may manage data sources, roles and people')
    .action(addUser)
  user
    .command('list')
    .description('list everyone')
    .option('--json', 'as JSON, for scripts')
    .action(listUsers)
  user
    .command('lock')
    .description('lock a person out: sign-ins, tokens and granted sessions end')
    .argument('<username>')
    .action(lockUser)

  program
    .command('token')
    .description('tokens for the API')
    .command('create')
    .description('make a token for a person; it is shown once')
    .requiredOption('--user <username>', 'who it acts as')
    .requiredOption('--name <text>', 'what it is for')
    .addOption(new Option('--json', 'as JSON, for scripts'))
    .action(makeToken)
}

async function addUser(username: string, options: UserOptions): Promise<void> {
  const passwordHash = await hash(await readPassword())
  const privilege: ManagementPrivilege = options.admin ? 'admin' : 'none'
  await onStore(async (store, origin) => {
    try {
      await store.change((tx) =>
        createPerson(tx, origin, {
          username,
          displayName: options.displayName ?? username,
          ...(options.email === undefined ? {} : { email: options.email }),
          passwordHash,
          portalUser: true,
          auditUser: options.audit === true,
          managementPrivilege: privilege,
        }),
      )
    } catch (error) {
      if (violates(error, 'usernames_are_unique')) {
        throw new AppError('username_taken', `There is a ${username} already.`)
      }
      if (violates(error, 'usernames_are_plain')) {
        throw new AppError(
          'invalid_request',
          'A username takes lower-case letters, digits and . _ @ -',
        )
      }
      throw error
    }
  })
  print(`Added ${username}.`)
}

async function readPassword(): Promise<string> {
  const password = await askFor('Password: ')
  if (password.length >= SHORTEST_PASSWORD) return password
  throw new AppError(
    'invalid_request',
    `A password takes at least ${String(SHORTEST_PASSWORD)} characters.`,
  )
}

async function listUsers({ json }: { json?: true }): Promise<void> {
  const people = await onStore((store) => listPeople(store.db, OPERATOR))
  const shown = people.map((p) => ({
    username: p.username,
    displayName: p.displayName,
    flags: flagsOf(p),
    locked: p.disabledAt !== null,
  }))
  if (json) {
    printJson(shown)
    return
  }
  printTable(
    ['Username', 'Name', 'Flags', 'Locked'],
    shown.map((p) => [p.username, p.displayName, p.flags.join(', '), p.locked ? 'yes' : '']),
  )
}

function flagsOf(person: Person): string[] {
  return [
    ...(person.portalUser ? ['Portal User'] : []),
    ...(person.auditUser ? ['Audit User'] : []),
    ...(person.managementPrivilege === 'none' ? [] : [person.managementPrivilege]),
  ]
}

async function lockUser(username: string): Promise<void> {
  await onStore(async (store, origin) => {
    const person = await getPersonNamed(store, username)
    const isChanged = await store.change((tx) => lockPerson(tx, origin, person.id))
    print(isChanged ? `Locked ${username}.` : `${username} was locked already.`)
  })
}

async function makeToken(options: { user: string; name: string; json?: true }): Promise<void> {
  const made = await onStore(async (store, origin) => {
    const person = await getPersonNamed(store, options.user)
    return store.change((tx) => createToken(tx, origin, { person, name: options.name }))
  })
  if (options.json) printJson(made)
  else print(`${made.token}\n(keep it now: it is not shown again)`)
}

async function getPersonNamed(store: Store, username: string): Promise<Person> {
  const person = await findPersonByUsername(store.db, OPERATOR, username)
  if (person !== undefined) return person
  throw new AppError(
    'not_found',
    `There is nobody called ${username}: daypass user list shows everyone.`,
  )
}
