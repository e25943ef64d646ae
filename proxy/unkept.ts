import type { Shutdown } from '../lib/shutdown.ts'
import type { JournalError } from './journal/journal.ts'
import { SQLSTATE } from './refusal.ts'
import { UNRECORDABLE, type Relay } from './relay.ts'

export interface UnkeptDeps {
  readonly relays: ReadonlySet<Relay>
  readonly shutdown: Shutdown
  /** Ends the process. */
  readonly exit: (code: number) => void
}

/** How long what is recorded may take into the store before the process ends, in milliseconds. */
const END_MS = 5_000
/** The next life of the proxy is another process: it must not trust what this one believes of its disk. */
const EXIT_CODE = 1

/**
 * Ends a process whose disk has not kept the recording: every client is told with 53100, and what can
 * still be read is shipped, because the files may not be what they were when they are opened again.
 */
export function endUnkept({ relays, shutdown, exit }: UnkeptDeps, error: JournalError): void {
  shutdown.exitCode = EXIT_CODE
  // the turn that found out ends first: answers in it come in front of the last words
  setImmediate(() => {
    for (const relay of [...relays]) relay.cut(SQLSTATE.diskFull, UNRECORDABLE, error.message)
    const deadline = setTimeout(() => exit(EXIT_CODE), END_MS)
    void shutdown.close().finally(() => {
      clearTimeout(deadline)
      exit(EXIT_CODE)
    })
  })
}
