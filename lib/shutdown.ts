import { sentenceOf } from './errors.ts'
import type { Log } from './log.ts'

type Closing = () => Promise<void> | void

/** Everything opened registers its closing here; closing runs once, newest first. */
export class Shutdown {
  readonly #closings: { name: string; close: Closing }[] = []
  readonly #log: Log
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
 * Closes on SIGINT and SIGTERM and exits 0; exits 1 when closing takes too long. The same when the
 * process that started us over a channel is gone: one that was killed can send no signal.
 */
export function closeOnSignals(shutdown: Shutdown): void {
  const end = (): void => {
    setTimeout(() => process.exit(1), CLOSE_DEADLINE_MS).unref()
    void shutdown.close().then(() => process.exit(0))
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  process.once('disconnect', end)
}
