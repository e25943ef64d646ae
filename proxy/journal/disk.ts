import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsync,
  fsyncSync,
  open,
  openSync,
  writeSync,
} from 'node:fs'

type Synced = (error: NodeJS.ErrnoException | null) => void

/** What the journal asks of the disk. Those that end in `Now` wait for it. */
export interface Disk {
  readonly write: typeof writeSync
  readonly syncNow: (fd: number) => void
  readonly sync: (fd: number, done: Synced) => void
  /** Without it a power cut can take a new file's name, and with it all that was synced into it. */
  readonly syncFolderNow: (folder: string) => void
  readonly syncFolder: (folder: string, done: Synced) => void
}

/** The disk of this machine, or what stands in for some of it. */
export function diskOf(standIns: Partial<Disk>): Disk {
  return {
    write: standIns.write ?? writeSync,
    syncNow: standIns.syncNow ?? fdatasyncSync,
    sync: standIns.sync ?? fdatasync,
    syncFolderNow: standIns.syncFolderNow ?? syncFolderNow,
    syncFolder: standIns.syncFolder ?? syncFolder,
  }
}

/** Some file systems know no sync of a folder; PostgreSQL passes over the same (fsync_fname_ext). */
const UNKNOWN_FOR_FOLDERS: ReadonlySet<string> = new Set(['EINVAL', 'EBADF', 'EISDIR', 'EACCES'])

function syncFolderNow(folder: string): void {
  try {
    const fd = openSync(folder, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (!isUnknownForFolders(error)) throw error
  }
}

function syncFolder(folder: string, done: Synced): void {
  const report: Synced = (error) => done(isUnknownForFolders(error) ? null : error)
  open(folder, 'r', (failure, fd) => {
    if (failure !== null) {
      report(failure)
      return
    }
    fsync(fd, (error) => {
      closeSync(fd)
      report(error)
    })
  })
}

function isUnknownForFolders(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNKNOWN_FOR_FOLDERS.has(String(error.code))
}
