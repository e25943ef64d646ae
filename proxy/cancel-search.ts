import type { Store } from '../db/store.ts'
import { sentenceOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { GuessLimit, type Allowance } from './cancel-limits.ts'
import { CancelNotices } from './cancel-notices.ts'
import { cancelBackend, seek, type Cancelable, type CancelKeys, type Sought } from './cancel.ts'
import type { Counters } from './counters.ts'
import type { CancelRequest } from './wire/startup.ts'

/** Asks the other processes on our port: true once one of them has delivered it. */
export type AskSiblings = (sought: Sought) => Promise<boolean>

export interface CancelSearchDeps {
  readonly keys: CancelKeys
  /** Common to all proxies of a store, and known to nobody else. */
  readonly secret: Buffer
  readonly store: Store
  readonly log: Log
  readonly counters: Counters
  /** Undefined for a process that has its port to itself. */
  readonly askSiblings: AskSiblings | undefined
}

/** How long a client waits where nobody says that it was delivered, in milliseconds. */
const FOUND_MS = 2_000
/** Wrong keys; among siblings each costs a message to all of them, through the store a notice to every proxy. */
const WRONG_HERE: Allowance = { perAddress: 100, all: 500 }
const THROUGH_STORE: Allowance = { perAddress: 10, all: 40 }

/** Brings a cancel request to its backend, wherever the connection is that its key belongs to. */
export class CancelSearch {
  readonly #deps: CancelSearchDeps
  readonly #notices: CancelNotices
  readonly #wrongHere = new GuessLimit(WRONG_HERE)
  readonly #throughStore = new GuessLimit(THROUGH_STORE)
  readonly #closing = new AbortController()

  constructor(deps: CancelSearchDeps) {
    this.#deps = deps
    this.#notices = new CancelNotices({ ...deps, take: (sought) => this.take(sought) })
  }

  /**
   * Resolves once the request is delivered, or is known or presumed to be nobody's. The client's
   * connection may be closed then, which tells it no more than that: libpq takes it for "delivered".
   * The signal ends the wait: who was asked by then delivers it all the same.
   */
  async forward(
    request: CancelRequest,
    { clientIp, gone }: { readonly clientIp: string; readonly gone: AbortSignal },
  ): Promise<void> {
    const { keys, counters, log } = this.#deps
    if (!(await this.#wrongHere.isOpenTo(clientIp))) {
      counters.cancelsLimited += 1
      return
    }
    const own = keys.find(request)
    if (own) {
      counters.cancelsOwn += 1
      await this.deliver(own)
      return
    }
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), FOUND_MS)
    try {
      const signal = AbortSignal.any([late.signal, this.#closing.signal, gone])
      await Promise.race([this.#elsewhere(request, { clientIp, signal }), abortOf(signal)])
    } catch (error) {
      log.warn({ error: sentenceOf(error) }, 'a cancel request could not be passed on')
    } finally {
      clearTimeout(timer)
    }
  }

  /** Another proxy asks: true once it was delivered to a connection of ours. */
  async take(sought: Sought): Promise<boolean> {
    const target = this.#deps.keys.take(sought, this.#deps.secret)
    if (target) await this.deliver(target)
    return target !== undefined
  }

  /** Asks the backend; that it can't be reached is nothing that the client could mend. */
  async deliver(target: Cancelable): Promise<void> {
    try {
      await cancelBackend(target)
    } catch (error) {
      this.#deps.log.warn({ error: sentenceOf(error) }, 'a cancel request was not delivered')
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#notices.close()
  }

  async #elsewhere(
    request: CancelRequest,
    { clientIp, signal }: { readonly clientIp: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const { secret, counters, askSiblings } = this.#deps
    const sought = seek(request, secret)
    const { allowed, found } = await this.#search(sought, { clientIp, signal, askSiblings })
    if (!allowed) counters.cancelsLimited += 1
    else if (found) counters.cancelsElsewhere += 1
    else counters.cancelsUnknown += 1
  }

  /** Siblings first: they answer at once, and the store has nothing to do with most requests. */
  async #search(
    sought: Sought,
    { clientIp, signal, askSiblings }: Search,
  ): Promise<{ readonly allowed: boolean; readonly found: boolean }> {
    if (!(await this.#wrongHere.allows(clientIp))) return { allowed: false, found: false }
    if (await askSiblings?.(sought)) return { allowed: true, found: true }
    if (!(await this.#throughStore.allows(clientIp))) return { allowed: false, found: false }
    return { allowed: true, found: await this.#notices.ask(sought, signal) }
  }
}

interface Search {
  readonly clientIp: string
  readonly signal: AbortSignal
  readonly askSiblings: AskSiblings | undefined
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
}
