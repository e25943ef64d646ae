import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '../../db/embedded/pid-file.ts'
import { AppError } from '../../lib/errors.ts'
import { isUuid } from '../../lib/ids.ts'

/** A folder that belongs to one running proxy. */
export interface ClaimedFolder {
  /** The same through every life of this proxy: it knows what it left open by it. */
  readonly proxyId: string
  readonly release: () => void
}

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Claims a journal's folder. Errors: `journal_in_use` while another proxy writes there. */
export function claimFolder(folder: string): ClaimedFolder {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  const claim = join(folder, 'proxy.pid')
  const holder = holderOf(claim)
  if (holder !== undefined) {
    throw new AppError(
      'journal_in_use',
      `Another proxy (process ${holder}) records in ${folder}. Stop it first, or give this one its own DAYPASS_DATA_DIR.`,
      { facts: { folder, pid: holder } },
    )
  }
  writeFileSync(claim, `${process.pid} ${startOf(process.pid)}\n`, { mode: FILE_MODE })
  return { proxyId: proxyIdIn(folder), release: () => rmSync(claim, { force: true }) }
}

/** A number alone could be somebody else's by now: the moment of its start tells. */
function holderOf(claim: string): number | undefined {
  if (!existsSync(claim)) return undefined
  const [text = '', start] = readFileSync(claim, 'utf8').trim().split(' ')
  const pid = Number(text)
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) {
    return undefined
  }
  return (start ?? '') === startOf(pid) ? pid : undefined
}

/**
 * When a process started, in the kernel's ticks (proc(5), field 22); empty where there is no /proc, and
 * for one that has ended and waits for its parent to look: it writes no more.
 */
function startOf(pid: number): string {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return ''
  const text = readFileSync(file, 'utf8')
  // the second field is a name in brackets that may hold anything
  const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' ? '' : (fields[18] ?? '')
}

function proxyIdIn(folder: string): string {
  const file = join(folder, 'proxy-id')
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  if (isUuid(kept)) return kept
  const made = randomUUID()
  writeFileSync(file, `${made}\n`, { mode: FILE_MODE })
  return made
}
