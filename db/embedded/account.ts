import { spawnSync } from 'node:child_process'
import { EmbeddedPostgresError } from '../embedded-errors.ts'

/** Who a child process runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** An account and the name people know it by. */
export interface NamedAccount extends Account {
  readonly name: string
}

/** In order of preference; `nobody` exists wherever there is a passwd file. */
const CANDIDATES = ['postgres', 'nobody']

/** How long a question to the operating system may take, in milliseconds. */
const PROBE_DEADLINE_MS = 10_000

/** True where this process is root, which PostgreSQL refuses to run as. */
export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** The account PostgreSQL runs as when we are root: `postgres` where it exists, else `nobody`. */
export function getUnprivilegedAccount(): NamedAccount {
  for (const name of CANDIDATES) {
    const account = findAccount(name)
    if (account !== undefined && mayEnter(account, '/')) return account
  }
  throw new EmbeddedPostgresError(
    'EMBEDDED_NO_ACCOUNT',
    'PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody to ' +
      'run it as. Start Daypass as an ordinary user, or make one: useradd --system postgres.',
  )
}

/** An account by name. It has to have an entry in the passwd database: initdb looks itself up there. */
export function getAccount(name: string): NamedAccount {
  const account = findAccount(name)
  if (account !== undefined) return account
  throw new EmbeddedPostgresError(
    'EMBEDDED_NO_ACCOUNT',
    `There is no user ${name} to run PostgreSQL as. Name one that exists and is not root.`,
  )
}

function findAccount(name: string): NamedAccount | undefined {
  const uid = askId('-u', name)
  const gid = askId('-g', name)
  if (uid === undefined || gid === undefined || uid === 0) return undefined
  return { name, uid, gid }
}

function askId(flag: '-u' | '-g', name: string): number | undefined {
  const asked = spawnSync('id', [flag, '--', name], {
    encoding: 'utf8',
    timeout: PROBE_DEADLINE_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return asked.status === 0 ? Number(asked.stdout) : undefined
}

/** True where the account may enter the folder: tried as that account, so that ACLs count too. */
export function mayEnter(account: Account, folder: string): boolean {
  const tried = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], {
    uid: account.uid,
    gid: account.gid,
    cwd: '/',
    timeout: PROBE_DEADLINE_MS,
    stdio: 'ignore',
  })
  return tried.status === 0
}
