import type { Command } from 'commander'
import { createPerson, type ManagementPrivilege } from '../../db/people.ts'
import { violates } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { hashChosenPassword } from '../../portal/password-strength.ts'
import { onStore } from '../operator.ts'
import { askFor } from '../ask.ts'
import { print } from '../print.ts'
import { addUserCommands } from './users.ts'

interface UserOptions {
  readonly displayName?: string
  readonly email?: string
  readonly audit?: true
  readonly admin?: true
  readonly json?: true
}

/** user: an operator's commands, on the store itself. */
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
  addUserCommands(user)
}

async function addUser(username: string, options: UserOptions): Promise<void> {
  const known = { username, displayName: options.displayName, email: options.email }
  const passwordHash = await hashChosenPassword(await askFor('Password: '), known)
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
