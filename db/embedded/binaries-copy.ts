import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ShippedBinaries } from './binaries.ts'

/** Everyone may read and run them; only we may change them. */
const READABLE = 0o644
const RUNNABLE = 0o755

/**
 * Copies the binaries into a folder, once for each version, and returns the copy's bin folder. Modes
 * are set anew: an install under umask 077 leaves programs that only their owner may run.
 */
export function copyBinaries(shipped: ShippedBinaries, into: string): string {
  const copy = join(into, `postgresql-${shipped.version}`)
  if (existsSync(copy)) return join(copy, 'bin')

  const half = mkdtempSync(`${copy}.new-`)
  try {
    cpSync(shipped.root, half, { recursive: true, verbatimSymlinks: true })
    openToReaders(half)
    renameSync(half, copy)
  } catch (error) {
    rmSync(half, { recursive: true, force: true })
    // a second copy of Daypass may have been faster, and its copy is as good as ours
    if (!existsSync(copy)) throw error
  }
  return join(copy, 'bin')
}

function openToReaders(folder: string): void {
  chmodSync(folder, RUNNABLE)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const path = join(entry.parentPath, entry.name)
    const runs = entry.isDirectory() || entry.parentPath === join(folder, 'bin')
    chmodSync(path, runs ? RUNNABLE : READABLE)
  }
}
