import type { Config } from '../config.ts'
import type { Address } from '../lib/settings-reader.ts'
import type { Store } from '../db/store.ts'
import type { Log } from '../lib/log.ts'
import type { Shutdown } from '../lib/shutdown.ts'

/** What the portal is built from. */
export interface PortalDeps {
  readonly config: Config
  readonly store: Store
  readonly log: Log
  readonly shutdown: Shutdown
  /** Where people reach the proxy, when it is known better than the settings say (port 0). */
  readonly proxyAddress?: Address | undefined
  /** How long a request may wait for the store, in milliseconds. */
  readonly answerWithinMs?: number | undefined
  /** How long a page with its records waits for their counts, in milliseconds; its script asks again for longer. */
  readonly countWithinMs?: number | undefined
  /** How long a sign-in waits for its try to be counted, in milliseconds; without a count it is refused. */
  readonly countTriesWithinMs?: number | undefined
  /** Says what an address is called; the DNS unless given. */
  readonly findHostName?: ((address: string) => Promise<string | undefined>) | undefined
  /** Shown on the sign-in page of a demo, and nowhere else. */
  readonly demoAccounts?: readonly DemoAccount[] | undefined
}

export interface DemoAccount {
  readonly username: string
  readonly password: string
  /** What to try with it, in a few words. */
  readonly does: string
}
