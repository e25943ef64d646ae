import { Option, type Command } from 'commander'
import { DateTime } from 'luxon'
import { changeAccount, deleteAccount, disableAccount } from '../../broker/accounts.ts'
import type { AccountChange } from '../../broker/accounts.ts'
import { listGroups } from '../../db/groups.ts'
import type { ManagementPrivilege, Person } from '../../db/people.ts'
import { enablePerson, lockPerson, unlockPerson } from '../../db/person-changes.ts'
import type { Origin } from '../../db/scope.ts'
import { getTimeZone } from '../../db/settings.ts'
import { iso, violates, type Transaction } from '../../db/store.ts'
import { searchUsers, USER_STATUSES, type UserStatus } from '../../db/user-list.ts'
import { AppError } from '../../lib/errors.ts'
import { readInstant } from '../../portal/forms/instants.ts'
import { onStore, OPERATOR } from '../operator.ts'
import { print, printJson, printTable } from '../print.ts'
import { getPersonNamed } from './person-named.ts'
import { addUserImport } from './user-import.ts'

const EVERYONE = { limit: 1_000_000, offset: 0 }

/** user list|show|change|lock|unlock|disable|enable|delete: an operator's commands, on the store itself. */
export function addUserCommands(user: Command): void {
  user
    .command('list')
    .description('list everyone')
    .addOption(
      new Option('--status <status>', 'only those who are so')
        .choices(USER_STATUSES)
        .default('all'),
    )
    .option('--search <text>', 'in username, name or e-mail address', '')
    .option('--json', 'as JSON, for scripts')
    .action(listUsers)
  user
    .command('show')
    .description('show one person: flags, groups, expiry and how the account stands')
    .argument('<username>')
    .option('--json', 'as JSON, for scripts')
    .action(showUser)
  addChange(user)
  addEnds(user)
  addUserImport(user)
}

function addChange(user: Command): void {
  const yesOrNo = (flags: string, text: string): Option =>
    new Option(flags, text).choices(['yes', 'no'])
  user
    .command('change')
    .description('change a person; what is not named stays')
    .argument('<username>')
    .option('--rename <username>', 'lower-case letters, digits and . _ @ -')
    .option('--display-name <text>', 'as shown to others')
    .option('--email <address>', 'an address, or "none"')
    .option(
      '--expires <time>',
      'a day, a time in the zone of Central Manager or with its offset, or "never"',
    )
    .addOption(yesOrNo('--portal <yes|no>', 'may sign in (Portal User)'))
    .addOption(yesOrNo('--audit <yes|no>', 'may read the Audit tab (Audit User)'))
    .addOption(yesOrNo('--end-sign-ins <yes|no>', "may end other people's sign-ins"))
    .addOption(
      new Option('--management <privilege>', 'Management Privilege').choices([
        'none',
        'read_only',
        'admin',
      ]),
    )
    .action(changeUser)
}

function addEnds(user: Command): void {
  const end = (name: string, description: string): Command =>
    user.command(name).description(description).argument('<username>')
  const reason = ['--reason <text>', 'kept in the audit trail'] as const
  end('lock', 'lock a person out: sign-ins, tokens and granted sessions end')
    .option(...reason)
    .action(ending('Locked', (tx, by, { id }, why) => lockPerson(tx, by.origin, id, why)))
  end('unlock', 'let a locked person in again')
    .option(...reason)
    .action(ending('Unlocked', (tx, by, { id }, why) => unlockPerson(tx, by.origin, id, why)))
  end('disable', 'end an account until it is enabled: also its tokens and waiting requests')
    .requiredOption(...reason)
    .action(
      ending('Disabled', (tx, by, person, why) => disableAccount(tx, by, { person, reason: why })),
    )
  end('enable', 'give a disabled or expired person their account back')
    .option(...reason)
    .action(ending('Enabled', (tx, by, { id }, why) => enablePerson(tx, by.origin, id, why)))
  end('delete', 'end an account for good; history keeps the name')
    .requiredOption('--confirm <username>', 'the username again')
    .option(...reason)
    .action(deleting)
}

async function listUsers(options: {
  readonly status: UserStatus
  readonly search: string
  readonly json?: true
}): Promise<void> {
  const { status, search: q } = options
  const people = await onStore((store) =>
    searchUsers(store.db, OPERATOR, { ...EVERYONE, status, q }),
  )
  if (options.json) {
    printJson(people.map(jsonOf))
    return
  }
  printTable(
    ['Username', 'Name', 'Flags', 'Status', 'Expires'],
    people.map((person) => [
      person.username,
      person.displayName,
      flagsOf(person).join(', '),
      person.outAs ?? 'active',
      person.expiresAt === null ? '' : iso(person.expiresAt),
    ]),
  )
}

async function showUser(username: string, { json }: { readonly json?: true }): Promise<void> {
  const shown = await onStore(async (store) => {
    const person = await getPersonNamed(store.db, username)
    const groups = await listGroups(store.db, OPERATOR)
    const mine = groups.filter(({ members }) => members.some(({ id }) => id === person.id))
    return { ...jsonOf(person), groups: mine.map(({ name }) => name) }
  })
  if (json) printJson(shown)
  else
    printTable(
      ['', ''],
      Object.entries(shown).map(([name, value]) => [name, String(value ?? '')]),
    )
}

interface ChangeOptions {
  readonly rename?: string
  readonly displayName?: string
  readonly email?: string
  readonly expires?: string
  readonly portal?: 'yes' | 'no'
  readonly audit?: 'yes' | 'no'
  readonly endSignIns?: 'yes' | 'no'
  readonly management?: ManagementPrivilege
}

async function changeUser(username: string, options: ChangeOptions): Promise<void> {
  await onStore(async (store, origin) => {
    const person = await getPersonNamed(store.db, username)
    const change: AccountChange = {
      username: options.rename,
      displayName: options.displayName,
      email: options.email === 'none' ? null : options.email,
      expiresAt: readExpiry(options.expires, await getTimeZone(store.db)),
      portalUser: isYes(options.portal),
      auditUser: isYes(options.audit),
      mayEndSignIns: isYes(options.endSignIns),
      managementPrivilege: options.management,
    }
    try {
      await store.change((tx) => changeAccount(tx, origin, { person, change }))
    } catch (error) {
      throw sayRule(error)
    }
  })
  print(`Changed ${username}.`)
}

function isYes(text: 'yes' | 'no' | undefined): boolean | undefined {
  return text === undefined ? undefined : text === 'yes'
}

function readExpiry(text: string | undefined, zone: string): DateTime<true> | null | undefined {
  if (text === undefined) return undefined
  if (text === 'never') return null
  const reading = readInstant(text, { zone, day: 'last' })
  if (reading.ok) return reading.value
  throw new AppError('invalid_request', reading.sentence)
}

function sayRule(error: unknown): unknown {
  if (violates(error, 'usernames_are_unique')) {
    return new AppError('username_taken', 'There is somebody of that name already.')
  }
  if (violates(error, 'usernames_are_plain')) {
    return new AppError(
      'invalid_request',
      'A username takes lower-case letters, digits and . _ @ -',
    )
  }
  return error
}

type End = (
  tx: Transaction,
  by: { readonly scope: typeof OPERATOR; readonly origin: Origin },
  person: Person,
  reason: string | undefined,
) => Promise<boolean>

/** One command that puts a person out or lets them in, and says whether it changed anything. */
function ending(done: string, end: End) {
  return async (username: string, { reason }: { readonly reason?: string }): Promise<void> => {
    await onStore(async (store, origin) => {
      const person = await getPersonNamed(store.db, username)
      const by = { scope: OPERATOR, origin }
      const isChanged = await store.change((tx) => end(tx, by, person, reason))
      const state = person.outAs ?? 'active'
      print(isChanged ? `${done} ${username}.` : `Nothing changed: ${username} is ${state}.`)
    })
  }
}

async function deleting(
  username: string,
  { confirm, reason }: { readonly confirm: string; readonly reason?: string },
): Promise<void> {
  if (confirm !== username) {
    throw new AppError('invalid_request', `Repeat the username: --confirm ${username}`)
  }
  const remove = ending('Deleted', (tx, by, person, why) =>
    deleteAccount(tx, by, { person, reason: why }),
  )
  await remove(username, reason === undefined ? {} : { reason })
}

function jsonOf(person: Person) {
  return {
    username: person.username,
    displayName: person.displayName,
    email: person.email,
    flags: flagsOf(person),
    status: person.outAs ?? 'active',
    locked: person.disabledAt !== null,
    expiresAt: person.expiresAt && iso(person.expiresAt),
    lastSignInAt: person.lastSignInAt && iso(person.lastSignInAt),
  }
}

function flagsOf(person: Person): string[] {
  return [
    ...(person.portalUser ? ['Portal User'] : []),
    ...(person.auditUser ? ['Audit User'] : []),
    ...(person.mayEndSignIns ? ['End sign-ins'] : []),
    ...(person.managementPrivilege === 'none' ? [] : [person.managementPrivilege]),
  ]
}
