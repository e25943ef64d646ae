import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { sentenceOf } from '../../lib/errors.ts'
import { EmbeddedPostgresError } from '../embedded-errors.ts'
import { getUnprivilegedAccount, isRoot, mayEnter, type NamedAccount } from './account.ts'
import { copyBinaries } from './binaries-copy.ts'
import { getMajor, getShippedBinaries, healLinks, probeBinaries } from './binaries.ts'
import { canonicalPath, makePassable, nearestExisting } from './folders.ts'

/** Where embedded clusters live and who runs them. */
export interface Home {
  /** Make clusters in folders of this one. */
  readonly dir: string
  /** Programs that were seen to run. */
  readonly binDir: string
  /** The account to run them as; absent where it is our own. */
  readonly runAs?: string
  /** A sentence for people, where the choice is not the one they would expect. */
  readonly notice?: string
}

/** What a home is chosen from. */
export interface HomeWishes {
  readonly dataDir: string
  /** A PostgreSQL to use instead of the one that npm installed. */
  readonly binDir?: string | undefined
  /** Where to go when an unprivileged account may not enter dataDir, in order. */
  readonly fallbackRoots?: readonly string[]
}

/**
 * Chooses where embedded clusters live, and makes that folder. As root, which PostgreSQL refuses, an
 * unprivileged account must be able to enter the folder and to run the binaries; where it may not,
 * another folder is used, the same one at each start. Call it before anything else makes dataDir.
 */
export function chooseHome(wishes: HomeWishes): Home {
  const wanted = resolve(wishes.dataDir)
  if (!isRoot()) {
    makeOwnFolder(wanted)
    return { dir: wanted, binDir: chooseBinaries(wishes, wanted) }
  }
  const account = getUnprivilegedAccount()
  const dir = chooseFolder(account, wanted, wishes.fallbackRoots ?? ['/var/lib', tmpdir()])
  const binDir = chooseBinaries(wishes, dir, account)
  return { dir, binDir, runAs: account.name, notice: tell({ account, wanted, dir, binDir }) }
}

function makeOwnFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'EMBEDDED_NO_ACCESS',
      `Daypass can't keep its data in ${dir} (${sentenceOf(cause)}). ` +
        'Set DAYPASS_DATA_DIR to a folder of yours, or change the owner of this one.',
      { cause },
    )
  }
}

function chooseFolder(account: NamedAccount, wanted: string, roots: readonly string[]): string {
  const fallbacks = roots.map((root) => join(root, fallbackName(wanted)))
  // an earlier start went there: its data must be found again, even if wanted can be entered now
  const earlier = fallbacks.find((folder) => isOurs(folder) && mayEnter(account, folder))
  if (earlier !== undefined) return earlier

  if (mayEnter(account, nearestExisting(wanted))) {
    makePassable(wanted)
    return wanted
  }
  refuseToHide(account, wanted)
  for (const folder of fallbacks) {
    if (existsSync(folder) || !mayEnter(account, nearestExisting(folder))) continue
    makePassable(folder)
    return folder
  }
  throw new EmbeddedPostgresError(
    'EMBEDDED_NO_ACCESS',
    `Running as root, PostgreSQL has to run as ${account.name}, which may enter neither ${wanted} nor ` +
      `${roots.join(' nor ')}. Set DAYPASS_DATA_DIR to a folder it may enter.`,
  )
}

/** The same name for the same data folder, however it is spelled. */
function fallbackName(wanted: string): string {
  return `daypass-${createHash('sha256').update(canonicalPath(wanted)).digest('hex').slice(0, 12)}`
}

/** In a folder like /tmp anyone may have made that name first: only root's own folder is ours. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === 0 && (found.mode & 0o022) === 0
}

/** Going elsewhere would look like losing everything: better to say what changed. */
function refuseToHide(account: NamedAccount, wanted: string): void {
  if (!existsSync(wanted)) return
  const hidden = readdirSync(wanted).find((name) => existsSync(join(wanted, name, 'PG_VERSION')))
  if (hidden === undefined) return
  throw new EmbeddedPostgresError(
    'EMBEDDED_NO_ACCESS',
    `${join(wanted, hidden)} holds a database that ${account.name} can no longer reach. Let it pass: ` +
      `chmod o+x ${wanted} and the folders above it; or start Daypass as the folder's owner.`,
  )
}

function chooseBinaries(wishes: HomeWishes, home: string, account?: NamedAccount): string {
  if (wishes.binDir !== undefined) {
    getMajor(wishes.binDir, account)
    return wishes.binDir
  }
  const shipped = getShippedBinaries()
  healLinks(shipped.binDir)
  if ('major' in probeBinaries(shipped.binDir, account)) return shipped.binDir

  const copy = copyBinaries(shipped, home)
  healLinks(copy)
  getMajor(copy, account)
  return copy
}

interface Choice {
  readonly account: NamedAccount
  readonly wanted: string
  readonly dir: string
  readonly binDir: string
}

function tell({ account, wanted, dir, binDir }: Choice): string {
  const moved = dir === wanted ? '' : `, which may not enter ${wanted}: its data is in ${dir}`
  const copied = binDir.startsWith(`${dir}/`) ? `; its programs were copied to ${binDir}` : ''
  return `Started as root, so PostgreSQL runs as ${account.name}${moved}${copied}.`
}
