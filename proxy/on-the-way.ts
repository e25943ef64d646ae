import type { Watched } from './deadline.ts'
import type { Peer } from './peer.ts'
import { Refusal, SQLSTATE } from './refusal.ts'

/**
 * A connection that was admitted and is not there yet: the data source may take its time, and the
 * session may end meanwhile. Once there is a relay, what is decided goes to it.
 */
export class OnTheWay implements Watched {
  readonly #peer: Peer
  readonly #over = new AbortController()
  #refusal: Refusal | undefined
  #there: Watched | undefined

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** Aborts when the session ends. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Why it is over, where it is. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  /** Errors: Refusal with the reason, where the session has ended. */
  assertNotOver(): void {
    if (this.#refusal) throw this.#refusal
  }

  arrived(connection: Watched): void {
    this.#there = connection
  }

  cut(why: string): void {
    if (this.#there) {
      this.#there.cut(why)
      return
    }
    this.#refusal = new Refusal(SQLSTATE.adminShutdown, `terminating connection: ${why}`)
    this.#peer.farewell(this.#refusal.response)
    this.#over.abort()
  }

  warn(sentence: string): boolean {
    return this.#there?.warn(sentence) ?? false
  }
}
