import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** How long clearing away may take before the process ends all the same. */
const CLEARING_DEADLINE_MS = 45_000
const PARENT_LOOK_MS = 500

type Clear = () => Promise<unknown>

const open = new Set<Clear>()
const opening = new Set<Promise<unknown>>()
let isOver = false

/**
 * Opens something that must not outlive this process, and clears it away when it is told to end.
 * Returns it with what clears it away before.
 */
export async function keep<T>(
  openIt: () => Promise<T>,
  clearIt: (opened: T) => Promise<unknown>,
): Promise<{ readonly opened: T; readonly clear: () => Promise<void> }> {
  if (isOver) throw new Error('this run is being ended')
  const work = openIt()
  opening.add(work)
  try {
    const opened = await work
    const clear = async (): Promise<void> => {
      if (open.delete(clear)) await clearIt(opened)
    }
    open.add(clear)
    return { opened, clear }
  } finally {
    opening.delete(work)
  }
}

/** Makes a folder that goes with this process, and returns its path. */
export async function keepFolder(prefix: string): Promise<string> {
  const { opened } = await keep(
    () => mkdtemp(path.join(tmpdir(), prefix)),
    (folder) => rm(folder, { recursive: true, force: true }),
  )
  return opened
}

/** Clears away everything that is open, last things first. */
export async function clearAll(): Promise<void> {
  while (opening.size > 0) await Promise.allSettled([...opening])
  for (const clear of [...open].reverse()) {
    // what can't be cleared away must not keep the rest
    await clear().catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
  }
}

/** On SIGINT and SIGTERM everything is cleared away before the process ends, as a failure. */
export function clearOnSignals(first: () => void = () => undefined): void {
  const end = (signal: NodeJS.Signals): void => {
    if (isOver) return
    isOver = true
    process.stdout.write(`${signal}: clearing away\n`)
    // what was under way now fails, which is not worth telling
    process.on('unhandledRejection', () => undefined)
    process.on('uncaughtException', () => undefined)
    setTimeout(() => process.exit(1), CLEARING_DEADLINE_MS).unref()
    first()
    void clearAll().finally(() => process.exit(1))
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  // npm hands a signal to the shell between us, which dies of it and tells nobody
  const parent = process.ppid
  const look = (): void => {
    if (process.ppid !== parent) end('SIGTERM')
  }
  if (process.env['npm_lifecycle_event'] !== undefined) setInterval(look, PARENT_LOOK_MS).unref()
}

/** True once the run was told to end. */
export function isEnding(): boolean {
  return isOver
}
