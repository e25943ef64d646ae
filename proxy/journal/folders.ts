import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const FURTHER = /^journal-([0-9]{1,4})$/
const SEGMENT = /\.journal$/

/** Where the process of this number records; the first one where a process alone does. */
export function journalFolder(dataDir: string, number: number): string {
  return join(dataDir, number === 1 ? 'journal' : `journal-${number}`)
}

/** Folders with a recording in them that none of so many processes writes to. */
export function leftFolders(dataDir: string, processes: number): string[] {
  if (!existsSync(dataDir)) return []
  return readdirSync(dataDir)
    .filter((name) => Number(FURTHER.exec(name)?.[1] ?? 0) > processes)
    .map((name) => join(dataDir, name))
    .filter((folder) => readdirSync(folder).some((name) => SEGMENT.test(name)))
}
