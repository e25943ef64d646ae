import type { KeyObject } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printable, type StatementRow } from '../../db/statement-log.ts'
import { open, seal } from '../../lib/seal.ts'

/** Its file's, in the journal's folder. */
export const REFUSED_NAME = 'statements.refused'
const FILE_MODE = 0o600
const ABOUT = 'statements.refused'

/** Keeps what the store will never take, for a person to look at: a line each, sealed as the journal is. */
export function setAside(folder: string, publicKey: Buffer, row: StatementRow): void {
  const line = seal(publicKey, JSON.stringify(printable(row)), ABOUT).toString('base64')
  appendFileSync(join(folder, REFUSED_NAME), `${line}\n`, { mode: FILE_MODE })
}

/** What such a file holds, a JSON object each. Errors: `sealed_value_unreadable` with another key. */
export function readRefused(path: string, privateKey: KeyObject): string[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines
    .filter((line) => line !== '')
    .map((line) => open(privateKey, Buffer.from(line, 'base64'), ABOUT))
}
