import { sentenceOf } from './errors.ts'
import type { Log } from './log.ts'

type Closing = () => Promise<void> | void

/** Everything opened registers its closing here; closing runs once, newest first. */
export class Shutdown {
  readonly #closings: { name: string; close: Closing }[] = []
  readonly #log: Log
  /** What the process then ends with: not 0 where a fault ends it. */
  exitCode = 0
  #running: Promise<void> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Remembers how to close something; name is for the log when closing fails. */
  onClose(name: string, close: Closing): void {
    this.#closings.push({ name, close })
  }

  /** Closes everything, newest first; a failing step is logged and the rest still close. */
  close(): Promise<void> {
    this.#running ??= this.#closeAll()
    return this.#running
  }

  async #closeAll(): Promise<void> {
    for (const { name, close } of this.#closings.reverse()) {
      try {
        await close()
      } catch (error) {
        this.#log.error({ step: name, error: sentenceOf(error) }, 'closing failed')
      }
    }
  }
}

/** How long a part may take to close before it exits anyway, in milliseconds. */
const CLOSE_DEADLINE_MS = 15_000

/**
 * One Ctrl-C may come several times: from the terminal to the whole group, from what runs the script,
 * and as a SIGTERM from the process that started us. In milliseconds.
 */
const SAME_REQUEST_MS = 1_000
/** What shells say of a program that SIGINT ended: 128 + 2. */
const BROKEN_OFF = 130

/**
 * Closes on SIGINT and SIGTERM and exits with the shutdown's code; exits 1 when closing takes too long. The same when the
 * process that started us over a channel is gone: one that was killed can send no signal.
 *
 * While it closes SIGTERM changes nothing: whoever sends it again would break off what the first one
 * began. A second SIGINT, of a person who won't wait, ends the process at once with 130.
 */
export function closeOnSignals(shutdown: Shutdown): void {
  let closingSince: number | undefined
  const end = (): void => {
    if (closingSince !== undefined) return
    closingSince = performance.now()
    setTimeout(() => process.exit(1), CLOSE_DEADLINE_MS).unref()
    void shutdown.close().then(() => process.exit(shutdown.exitCode))
  }
  const endOrBreakOff = (): void => {
    if (closingSince === undefined) end()
    else if (performance.now() - closingSince > SAME_REQUEST_MS) process.exit(BROKEN_OFF)
  }
  process.on('SIGINT', endOrBreakOff)
  process.on('SIGTERM', end)
  process.on('disconnect', end)
}
