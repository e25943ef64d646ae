import { setTimeout as sleep } from 'node:timers/promises'
import type { Watched } from './deadline.ts'
import type { Peer } from './peer.ts'
import { Refusal, SQLSTATE } from './refusal.ts'

/**
 * A connection that is not there yet: the client and the data source may take their time, and the
 * session or the proxy may end meanwhile. Once there is a relay, what is decided goes to it.
 */
export class OnTheWay implements Watched {
  readonly peer: Peer
  /** A secret: what comes now is the data source's business. */
  hasProven = false
  readonly #over = new AbortController()
  #refusal: Refusal | undefined
  #there: Watched | undefined

  constructor(peer: Peer) {
    this.peer = peer
  }

  /** Aborts when it is over. */
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

  /** Lets time pass. Errors: Refusal, as soon as it is over. */
  async pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.signal }).catch(() => undefined)
    this.assertNotOver()
  }

  arrived(connection: Watched): void {
    this.#there = connection
  }

  /** Tells the client to go, where it is still on its way. */
  refuse(refusal: Refusal): void {
    if (this.#there || this.#refusal) return
    this.#refusal = refusal
    this.peer.farewell(refusal.response)
    this.#over.abort()
  }

  cut(why: string): void {
    if (this.#there) this.#there.cut(why)
    else this.refuse(new Refusal(SQLSTATE.adminShutdown, `terminating connection: ${why}`))
  }

  warn(sentence: string): boolean {
    return this.#there?.warn(sentence) ?? false
  }
}
