import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgresError } from '../embedded-errors.ts'

/** What postmaster.pid says; its eight lines are described in PostgreSQL's utils/pidfile.h. */
export interface PidFile {
  readonly pid: number
  readonly status: string
}

/** How long a server that is already there may take to go, in milliseconds. */
const GRACE_MS = 1_000
const STOPPING_MS = 20_000
const POLL_MS = 20

/** Reads a cluster's postmaster.pid, if there is one that is whole. */
export function findPidFile(dir: string): PidFile | undefined {
  const lines = read(join(dir, 'postmaster.pid')).split('\n')
  const pid = Number(lines[0])
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  return { pid, status: lines[7]?.trim() ?? '' }
}

/**
 * Waits until no server runs on the cluster, and removes what a crashed one left: its pid file would
 * still say "ready". A server whose supervisor died goes by itself within moments; one that stays
 * belongs to another copy of Daypass, and two on one cluster would destroy it.
 */
export async function waitUntilFree(dir: string): Promise<void> {
  const started = Date.now()
  for (;;) {
    const found = findPidFile(dir)
    if (found === undefined) return
    if (!isPostmasterOf(dir, found.pid)) {
      // PostgreSQL still finds orphaned backends without it, by shared memory keyed to the folder
      rmSync(join(dir, 'postmaster.pid'), { force: true })
      return
    }
    const patience = found.status === 'stopping' ? STOPPING_MS : GRACE_MS
    if (Date.now() - started > patience) throw alreadyRunning(dir, found.pid)
    await sleep(POLL_MS)
  }
}

/** The refusal to start a second server on a cluster. */
export function alreadyRunning(dir: string, pid: number): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'EMBEDDED_ALREADY_RUNNING',
    `Another PostgreSQL (process ${pid}) is running on ${dir}. Stop that copy of Daypass first, ` +
      'or give this one its own DAYPASS_DATA_DIR.',
    { facts: { dir, pid } },
  )
}

/**
 * PostgreSQL itself takes any living process with the number in a stale file for its other self. In a
 * container, where every start counts from 1 again, that is often somebody else: so we look closer.
 */
function isPostmasterOf(dir: string, pid: number): boolean {
  if (!isAlive(pid)) return false
  if (process.platform !== 'linux') return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dir)
  } catch {
    // gone meanwhile, or another user's: then it cannot be the server of a folder that is ours
    return false
  }
}

/** Empty where there is no such file; asking first would race a server that is just going. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

/** True where a process has this number, whoever it belongs to. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
