import { constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chown, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EmbeddedPostgresError } from '../embedded-errors.ts'
import { isRoot, type Account } from './account.ts'
import { makePassable } from './folders.ts'
import { GuardedProcess } from './guarded-process.ts'
import { isAlive } from './pid-file.ts'

/** What a new cluster is made from. */
export interface ClusterPlan {
  readonly dir: string
  readonly binDir: string
  readonly account: Account | undefined
  readonly superuser: string
  readonly password: string
  /** False where losing the cluster in a power cut does not matter: tests. */
  readonly durable: boolean
}

/** initdb takes half a second; a cold or crowded disk takes its time, in milliseconds. */
const INITDB_DEADLINE_MS = 120_000
const KILLED_DEADLINE_MS = 5_000

/** True where a whole cluster is; refuses a folder that holds anything else. */
export function holdsCluster(dir: string): boolean {
  if (!existsSync(dir)) return false
  // initdb writes PG_VERSION early and pg_control late
  if (existsSync(join(dir, 'PG_VERSION')) && existsSync(join(dir, 'global', 'pg_control')))
    return true
  if (readdirSync(dir).length === 0) return false
  throw new EmbeddedPostgresError(
    'EMBEDDED_NOT_A_CLUSTER',
    `${dir} is not empty and is no whole PostgreSQL cluster. Move it away, or set another DAYPASS_DATA_DIR.`,
  )
}

/** Refuses a cluster made by another major version: PostgreSQL cannot read it. */
export function checkVersion(dir: string, major: string): void {
  const made = readFileSync(join(dir, 'PG_VERSION'), 'utf8').trim()
  if (made === major) return
  throw new EmbeddedPostgresError(
    'EMBEDDED_WRONG_VERSION',
    `The cluster in ${dir} was made by PostgreSQL ${made}, and this is PostgreSQL ${major}. Start it ` +
      `with PostgreSQL ${made} and move its data, or move the folder away to begin anew.`,
    { facts: { made, major } },
  )
}

/** Who an existing cluster's server must run as: PostgreSQL insists on the folder's owner. */
export function getOwner(dir: string): Account | undefined {
  const { uid, gid } = statSync(dir)
  if (!isRoot() && uid === process.getuid?.()) return undefined
  if (isRoot() && uid !== 0) return { uid, gid }
  throw new EmbeddedPostgresError(
    'EMBEDDED_NO_ACCESS',
    `The cluster in ${dir} belongs to user number ${uid}, and PostgreSQL runs only as the owner and ` +
      'never as root. Start Daypass as that user, or change the owner: chown -R.',
    { facts: { uid } },
  )
}

/**
 * Makes a cluster beside its place and renames it there when it is whole, so that whatever interrupts
 * us, a folder in that place is a good one.
 */
export async function makeCluster(plan: ClusterPlan): Promise<void> {
  if (plan.password === '' || /[\r\n]/.test(plan.password)) {
    // initdb reads the first line only, and would go on with half a password
    throw new EmbeddedPostgresError(
      'EMBEDDED_BAD_PASSWORD',
      'The embedded PostgreSQL needs a superuser password of exactly one line.',
    )
  }
  makePassable(dirname(plan.dir))
  await sweepHalfMade(plan.dir)
  const workshop = await mkdtemp(`${plan.dir}.new-${process.pid}-`)
  try {
    await give(workshop, plan.account)
    await runInitdb(plan, workshop)
    await rename(join(workshop, 'data'), plan.dir)
  } finally {
    await rm(workshop, { recursive: true, force: true })
  }
}

/** Replaces a cluster's pg_hba.conf. */
export async function writeHba(dir: string, hba: string): Promise<void> {
  // the folder is an unprivileged account's and we may be root: never write through a link it made
  const { O_WRONLY, O_TRUNC, O_NOFOLLOW } = constants
  const file = await open(join(dir, 'pg_hba.conf'), O_WRONLY | O_TRUNC | O_NOFOLLOW)
  try {
    await file.writeFile(hba)
  } finally {
    await file.close()
  }
}

async function runInitdb(plan: ClusterPlan, workshop: string): Promise<void> {
  // not an argument, which every user's `ps` shows, and not in a folder that others may enter
  const passwordFile = join(workshop, 'password')
  await writeFile(passwordFile, `${plan.password}\n`, { mode: 0o600, flag: 'wx' })
  await give(passwordFile, plan.account)

  const initdb = new GuardedProcess({
    program: join(plan.binDir, 'initdb'),
    args: [
      ...['-D', join(workshop, 'data'), '-U', plan.superuser, `--pwfile=${passwordFile}`],
      ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--data-checksums'],
      ...['--no-instructions', ...(plan.durable ? [] : ['--no-sync'])],
    ],
    cwd: workshop,
    account: plan.account,
  })
  if (!(await initdb.endsWithin(INITDB_DEADLINE_MS))) {
    initdb.signal('SIGKILL')
    await initdb.endsWithin(KILLED_DEADLINE_MS)
  }
  if (initdb.code === 0) return
  throw new EmbeddedPostgresError(
    'EMBEDDED_INITDB_FAILED',
    `PostgreSQL could not make a cluster in ${plan.dir}: ${initdb.log.trim() || 'it took too long'}`,
  )
}

// A workshop is named after the process that works in it. Our own number on one that lies there
// already is an earlier life's: in a container we are always process 1.
async function sweepHalfMade(dir: string): Promise<void> {
  const prefix = `${basename(dir)}.new-`
  for (const name of readdirSync(dirname(dir))) {
    if (!name.startsWith(prefix)) continue
    const maker = Number(name.slice(prefix.length).split('-')[0])
    if (maker !== process.pid && isAlive(maker)) continue
    // retried: its initdb may be dying this very moment, and still writing
    await rm(join(dirname(dir), name), { recursive: true, force: true, maxRetries: 5 })
  }
}
async function give(path: string, account: Account | undefined): Promise<void> {
  if (account !== undefined) await chown(path, account.uid, account.gid)
}
