import { chmodSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Others may pass through but not list: what lies inside guards itself. */
const PASSABLE = 0o711

/** The folder itself where it exists, else its nearest ancestor that does. */
export function nearestExisting(folder: string): string {
  return existsSync(folder) ? folder : nearestExisting(dirname(folder))
}

/** One name for a folder however it is reached, before it exists and after. */
export function canonicalPath(folder: string): string {
  if (existsSync(folder)) return realpathSync(folder)
  return join(canonicalPath(dirname(folder)), basename(folder))
}

/** Makes a folder and its missing ancestors such that an unprivileged account may pass, whatever our umask. */
export function makePassable(folder: string): void {
  if (existsSync(folder)) return
  makePassable(dirname(folder))
  mkdirSync(folder, { mode: PASSABLE })
  chmodSync(folder, PASSABLE)
}
