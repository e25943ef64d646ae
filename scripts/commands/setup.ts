import type { Command } from 'commander'
import { readConfig, type Config } from '../../config.ts'
import { makeSetupLink } from '../../db/first-admin.ts'
import { makePasswordLink, type MadeLink } from '../../db/password-links.ts'
import { findPasswordState } from '../../db/passwords.ts'
import { findPersonByUsername } from '../../db/people.ts'
import type { Origin } from '../../db/scope.ts'
import type { Store } from '../../db/store.ts'
import { AppError } from '../../lib/errors.ts'
import { passwordLinkUrl } from '../../portal/password-link-url.ts'
import { findRunning } from '../home-file.ts'
import { onStore, OPERATOR } from '../operator.ts'
import { print, printJson } from '../print.ts'

/** setup-link and password-link: how an operator lets people in where nobody else can. */
export function addSetup(program: Command): void {
  program
    .command('setup-link')
    .description('print where to make the first admin, once; the link before it ends')
    .option('--json', 'as JSON, for scripts')
    .action((options: Options) => printLink(options, (store, origin) => setupLink(store, origin)))
  program
    .command('password-link')
    .description('print a link with which a person chooses a password, once')
    .argument('<username>')
    .option('--json', 'as JSON, for scripts')
    .action((username: string, options: Options) =>
      printLink(options, (store, origin) => linkFor(store, origin, username)),
    )
}

interface Options {
  readonly json?: true
}

/** A link that makes the first admin. Errors: `admin_exists`. */
export async function setupLink(store: Store, origin: Origin): Promise<MadeLink> {
  const link = await store.change((tx) => makeSetupLink(tx, origin))
  if (link !== undefined) return link
  throw new AppError(
    'admin_exists',
    'There is an admin already, so a setup link would be worth nothing. Who lost a password gets a link: daypass password-link NAME.',
  )
}

async function linkFor(store: Store, origin: Origin, username: string): Promise<MadeLink> {
  const person = await findPersonByUsername(store.db, OPERATOR, username)
  if (person === undefined) {
    throw new AppError(
      'not_found',
      `There is nobody called ${username}: daypass user list shows everyone.`,
    )
  }
  if (person.disabledAt !== null || !person.portalUser) {
    throw new AppError('not_entitled', `${username} may not sign in, so no link would work.`)
  }
  const state = await findPasswordState(store.db, person.id)
  const purpose = state?.isSet ? 'reset' : 'invitation'
  return store.change((tx) => makePasswordLink(tx, origin, { person, purpose, handed: 'shown' }))
}

async function printLink(
  { json }: Options,
  make: (store: Store, origin: Origin) => Promise<MadeLink>,
): Promise<void> {
  const { purpose, secret, expiresAt } = await onStore(make)
  const url = passwordLinkUrl(portalUrlOf(readConfig()), secret)
  if (json) printJson({ url, purpose, expiresAt: expiresAt.toUTC().toISO() })
  else print(`${url}\n(works once, until ${expiresAt.toUTC().toISO()}; whoever has it may use it)`)
}

/** As the portal that runs here said of itself, where one does. */
function portalUrlOf({ dataDir, publicUrl, storeUrl }: Config): URL {
  const running = storeUrl === undefined ? findRunning(dataDir) : undefined
  return running === undefined ? publicUrl : new URL(running.portalUrl)
}
